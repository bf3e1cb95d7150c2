import { randomBytes, randomInt } from 'node:crypto'

/** An id that nobody can guess: letters, digits, `-` and `_`, each of 6 bits of chance. */
export function newId(length = 21): string {
  return randomBytes(length).toString('base64url').slice(0, length)
}

/** As `newId`, of these letters. */
export function newIdOf(letters: string, length: number): string {
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join('')
}
