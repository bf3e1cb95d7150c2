import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, parseConfig } from './config.ts'
import { ownText } from './own-text.ts'

const fileName = 'last-good-config.json'

interface Kept {
  file: string
  text: string
}

/**
 * Keeps the text of a config that was found good, for the day on which it cannot be read: then its hooks are told. It lies
 * in the state directory and only its owner can read it, as addresses of hooks may be secrets. Safe to repeat; where
 * nothing can be written, nothing is kept.
 */
export function keepConfig({ state, file, digest }: Pick<Config, 'state' | 'file' | 'digest'>): void {
  try {
    const text = readFileSync(file, 'utf8')
    // It may have changed since it was read.
    if (createHash('sha256').update(text).digest('hex') !== digest) return
    const kept = JSON.stringify({ file, text } satisfies Kept)
    const path = join(state, fileName)
    if (ownText(path) === kept) return
    const draft = `${path}.${process.pid}`
    writeFileSync(draft, kept, { mode: 0o600 })
    renameSync(draft, path)
  } catch {
    // A backup is made without it.
  }
}

/**
 * The last config that was good.
 * @param state The state directory that it named.
 * @param file Where it was read from: another one is not taken.
 * @returns undefined where there is none, or where somebody else could have written or read it.
 */
export function lastGoodConfig(state: string, file: string, uid = process.geteuid?.()): Config | undefined {
  try {
    const text = ownText(join(state, fileName), uid)
    const kept = text === undefined ? undefined : (JSON.parse(text) as Kept)
    return kept?.file === file ? parseConfig(kept.text, file) : undefined
  } catch {
    return undefined
  }
}
