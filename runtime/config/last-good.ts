import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './config.ts'
import type { StoreConfig } from './store-config.ts'

/** What is noted of the last config that was good. */
export interface LastGood {
  file: string
  /** As `stampOf` gave it when the file was read. */
  stamp: string
  store: StoreConfig
}

/**
 * Notes which event store a good config names: for commands that only look into the store, and for the day on which the
 * config is wrong or gone. Safe to repeat. Where nothing can be written, nothing is noted.
 * @param folder The cache of compiled code, which each user has; undefined where there is none.
 * @param stamp Of the file, from before it was read.
 */
export function noteGood(folder: string | undefined, config: Config, stamp: string | undefined): void {
  if (!folder || stamp === undefined) return
  const { file, state, functions, sources, http } = config
  const store: StoreConfig = {
    state,
    functions,
    sources: Object.fromEntries(Object.keys(sources).map((name) => [name, {}])),
    ...(http?.socket !== undefined && { http: { socket: http.socket } }),
  }
  const note = JSON.stringify({ file, stamp, store } satisfies LastGood)
  const path = join(folder, noteFile)
  if (ownText(path) === note) return
  try {
    const draft = `${path}.${process.pid}`
    writeFileSync(draft, note, { mode: 0o600 })
    renameSync(draft, path)
  } catch {
    // A command that only reads works without it.
  }
}

/**
 * What was noted of the config in this file.
 * @param uid The user that hdsync runs as: a note that others could have written is not taken.
 * @returns undefined also when another config was read since.
 */
export function lastGood(folder: string | undefined, file: string, uid?: number): LastGood | undefined {
  if (!folder) return undefined
  const text = ownText(join(folder, noteFile), uid)
  try {
    const note: LastGood | undefined = text && JSON.parse(text)
    return note?.file === file ? note : undefined
  } catch {
    return undefined
  }
}

/**
 * Tells whether a file is still as it was: the kernel sets the time of change (ctime) with each write, chmod and chown.
 * @returns undefined where there is none.
 */
export function stampOf(file: string): string | undefined {
  try {
    const { dev, ino, size, ctimeNs } = statSync(file, { bigint: true })
    return [dev, ino, size, ctimeNs].join(':')
  } catch {
    return undefined
  }
}

const noteFile = 'last-good.json'

/** A text that nobody but this user can have written. */
function ownText(path: string, uid = process.geteuid?.()): string | undefined {
  try {
    const { uid: owner, mode } = statSync(path)
    return owner === uid && !(mode & 0o022) ? readFileSync(path, 'utf8') : undefined
  } catch {
    return undefined
  }
}
