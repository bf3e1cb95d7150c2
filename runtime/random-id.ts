import { randomBytes } from 'node:crypto'
import { customRandom, urlAlphabet } from 'nanoid'

/**
 * Makes ids of random characters. nanoid's own randomness is that of Web Crypto, which takes longer to load than all
 * else that an event needs to be put on the bus.
 */
export function randomIds(alphabet: string, length: number): () => string {
  return customRandom(alphabet, length, randomBytes)
}

/** An id that may stand in an URL. */
export function urlIds(length: number): () => string {
  return randomIds(urlAlphabet, length)
}
