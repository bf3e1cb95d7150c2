import { type Stats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { shellQuote } from '../shell-quote.ts'
import { ConfigError, type Problem } from './problem.ts'

/** Who may have written a file. `mode` is that of stat(2). */
export type Ownership = Pick<Stats, 'uid' | 'mode'>

/**
 * Refuses a file that is run or obeyed as root although somebody else could have written it.
 * Only for root: a user is free to run what they own. Safe to repeat.
 * @param uid The user that hdsync runs as.
 * @throws {ConfigError} With the command that puts it right.
 */
export async function assertTrustedFile(file: string, uid = process.geteuid?.()): Promise<void> {
  refuseUntrusted(file, await stat(file), uid)
}

/**
 * {@link assertTrustedFile} for code that is loaded: neither the file nor a folder above it may be written by others, as they
 * could put another file in its place. A folder in which only owners may rename (mode 1777) is no danger.
 * @param path Without symbolic links.
 */
export function assertTrustedPath(path: string, uid = process.geteuid?.()): void {
  if (uid !== 0) return
  refuseUntrusted(path, statSync(path), uid)
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) {
    const stats = statSync(folder)
    if (!(stats.mode & 0o1000 && stats.uid === 0)) refuseUntrusted(folder, stats, uid)
  }
}

/** {@link assertTrustedFile} for a file that is open, and so cannot be replaced in between. */
export function refuseUntrusted(
  file: string,
  { uid: owner, mode }: Ownership,
  uid = process.geteuid?.(),
): void {
  if (uid !== 0) return
  const problems: Problem[] = []
  const problem = (expected: string, found: string, remedy: string) =>
    problems.push({ file, key: '', expected, found, hint: `run: ${remedy} ${shellQuote([file])}` })
  if (owner !== 0) problem('a file that root owns', `one of user ${owner}`, 'chown root:root')
  if (mode & 0o022) problem('a file that only root can write', `mode ${octal(mode)}`, 'chmod go-w')
  if (problems.length > 0) throw new ConfigError(problems)
}

/**
 * Refuses a file with a secret that could have been read by anybody, or written by others, whoever hdsync runs as.
 * A group may read it: that of those who share the secret.
 * @param key Where the config names the file, for messages.
 * @throws {ConfigError} With the command that puts it right.
 */
export function refuseExposed(
  file: string,
  key: string,
  { uid: owner, mode }: Ownership,
  uid = process.geteuid?.(),
): void {
  const problems: Problem[] = []
  const problem = (expected: string, found: string, remedy: string) =>
    problems.push({ file, key, expected, found, hint: `run: ${remedy} ${shellQuote([file])}` })
  if (owner !== uid && owner !== 0) {
    problem('a file that the user owns who runs hdsync', `one of user ${owner}`, `chown ${uid}`)
  }
  if (mode & 0o027) problem('a file that others cannot read', `mode ${octal(mode)}`, 'chmod g-w,o=')
  if (problems.length > 0) throw new ConfigError(problems)
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
