import { createHash } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Loaded } from './messages.ts'

/** What was found when the functions of a folder were last loaded without any failure. */
export interface Described {
  /** Which hdsync has written it: no other one reads it. */
  madeBy: string
  /** Of their files, as they were then. */
  digest: string
  loaded: Loaded
}

/**
 * Reads what was kept, so that the functions need not be loaded to know what they are.
 * @param isSame Whether a digest is that of the files as they are now, of those that were loaded then.
 * @returns undefined where there is nothing, where it is damaged, or where it is not theirs any more.
 */
export function readDescribed(
  file: string,
  madeBy: string,
  isSame: (digest: string, files: readonly string[]) => boolean,
): Loaded | undefined {
  try {
    const [checksum, text = ''] = readFileSync(file, 'utf8').split('\n', 2)
    if (checksum !== checksumOf(text)) return undefined
    const described = JSON.parse(text) as Described
    const { loaded, digest } = described
    return described.madeBy === madeBy && isSame(digest, loaded.files) ? loaded : undefined
  } catch {
    return undefined
  }
}

/** Keeps what was found. Safe to repeat; where it cannot be written, the functions are loaded again the next time. */
export function keepDescribed(file: string, described: Described): void {
  const text = JSON.stringify(described)
  const written = `${file}.${process.pid}`
  try {
    writeFileSync(written, `${checksumOf(text)}\n${text}\n`, { mode: 0o600 })
    renameSync(written, file)
  } catch {
    rmSync(written, { force: true })
  }
}

export function forgetDescribed(file: string): void {
  rmSync(file, { force: true })
}

function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
