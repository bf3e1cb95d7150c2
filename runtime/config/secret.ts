import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { ConfigError } from './problem.ts'
import { refuseExposed } from './trust.ts'

const longestBytes = 4096

/**
 * Reads a secret from its file: the text without the blank space around it. Safe to repeat: every call reads it anew,
 * so that a secret can be changed while hdsync is at work.
 * @param key Where the config names the file, for messages.
 * @param uid The user that hdsync runs as.
 * @throws {ConfigError} The file cannot be read, is empty or too large, or is open to others.
 */
export async function readSecret(file: string, key = '', uid = process.geteuid?.()): Promise<string> {
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
    refuseExposed(file, key, stats, uid)
    if (stats.size > longestBytes) refuse(`at most ${longestBytes} bytes`, `${stats.size}`)
    return (await handle.readFile('utf8')).trim() || refuse('a secret', 'an empty file')
  } finally {
    await handle.close()
  }
}
