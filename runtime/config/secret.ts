import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { ConfigError } from './problem.ts'
import { refuseExposed } from './trust.ts'

const maxBytes = 4096

/**
 * Reads a file that holds a secret: a key, a token, a password. Safe to repeat: every call reads it anew, so that a
 * secret can be changed while hdsync is at work.
 * @param options `key`: where the config names the file, for messages. `uid`: the user that hdsync runs as.
 * @returns Its lines without what surrounds them, at least one.
 * @throws {ConfigError} It cannot be read, is empty, or others could have read or written it.
 */
export async function readSecret(
  file: string,
  { key = '', uid = process.geteuid?.() }: { key?: string; uid?: number | undefined } = {},
): Promise<[string, ...string[]]> {
  const refuse = (expected: string, found: string, hint?: string, cause?: unknown): never => {
    throw new ConfigError([{ file, key, expected, found, hint }], cause)
  }
  // Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) =>
      refuse('a file with a secret', error.code === 'ENOENT' ? 'none' : error.message, undefined, error),
  )
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) refuse('a file with a secret', stats.isDirectory() ? 'a folder' : 'something else')
    refuseExposed(file, stats, uid)
    if (stats.size > maxBytes) refuse('a file with a secret', `${stats.size} bytes`)
    const text = await handle.readFile('utf8')
    const [first, ...rest] = text
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
    return first === undefined ? refuse('a file with a secret', 'an empty one') : [first, ...rest]
  } finally {
    await handle.close()
  }
}
