import { readFile, stat } from 'node:fs/promises'
import { ConfigError } from './problem.ts'
import { refuseUntrusted } from './trust.ts'

const longestBytes = 4096

/**
 * Reads a secret from its file: the text without the blank space around it. Safe to repeat.
 * @param key Where the config names the file, for messages.
 * @param uid The user that hdsync runs as; what root takes others may neither write nor read.
 * @throws {ConfigError} The file cannot be read, is empty or too large, or is open to others.
 */
export async function readSecret(file: string, key: string, uid = process.geteuid?.()): Promise<string> {
  const refuse = (expected: string, found: string, hint?: string): never => {
    throw new ConfigError([{ file, key, expected, found, hint }])
  }
  const stats = await stat(file).catch((error: NodeJS.ErrnoException) =>
    refuse('a file with a secret', error.code === 'ENOENT' ? 'none' : error.message),
  )
  if (!stats.isFile()) refuse('a file with a secret', 'something else')
  refuseUntrusted(file, stats, uid)
  if (uid === 0 && stats.mode & 0o007) {
    refuse(
      'a file that others cannot read',
      `mode 0${(stats.mode & 0o777).toString(8)}`,
      `run: chmod o-rwx ${file}`,
    )
  }
  if (stats.size > longestBytes) refuse(`at most ${longestBytes} bytes`, `${stats.size}`)
  const secret = await readFile(file, 'utf8').catch((error: Error) =>
    refuse('a file with a secret', error.message),
  )
  return secret.trim() || refuse('a secret', 'an empty file')
}
