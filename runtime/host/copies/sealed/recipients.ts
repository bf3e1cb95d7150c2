import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { TerminalError } from '../../../errors.ts'

const recipient = /^(?:age1[a-z0-9-]+|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+(?: .*)?)$/

/**
 * Whom copies are encrypted to.
 * @returns A fingerprint of them: the first 16 hexadecimal digits of a SHA-256.
 * @throws {TerminalError} The file is not there, others can write to it, or it holds something else.
 */
export function recipientsIn(file: string): string {
  const lines = textOf(file)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.some((line) => /^AGE-SECRET-KEY-|^-----BEGIN /.test(line)))
    throw new TerminalError(`${file} has an identity in it, with which copies can be read`, {
      hint: `keep the identity elsewhere, and here its recipient alone: age-keygen -y IDENTITY > ${file}`,
    })
  const wrong = lines.find((line) => !recipient.test(line))
  if (wrong !== undefined)
    throw new TerminalError(`${file}: ${JSON.stringify(wrong.slice(0, 40))} is no recipient`, {
      hint: howMade,
    })
  if (lines.length === 0) throw new TerminalError(`${file} has no recipients`, { hint: howMade })
  return createHash('sha256').update(lines.toSorted().join('\n')).digest('hex').slice(0, 16)
}

const howMade = 'a line is as age1…, which age-keygen prints, or a public key of ssh'

function textOf(file: string): string {
  try {
    const { mode, uid } = statSync(file)
    const othersMayWrite = (mode & 0o022) > 0 || (uid !== 0 && uid !== process.geteuid?.())
    if (othersMayWrite)
      throw new TerminalError(`others can write to ${file}, and so have copies encrypted to themselves`, {
        hint: `chown root ${file} && chmod 644 ${file}`,
      })
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof TerminalError) throw error
    throw new TerminalError(`the recipients of copies cannot be read: ${(error as Error).message}`, {
      hint: `on another machine: age-keygen -o identity.txt; its line "public key" goes to ${file}`,
      cause: error,
    })
  }
}
