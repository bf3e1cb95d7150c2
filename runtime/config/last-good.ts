import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StoreConfig } from './store-config.ts'

/** Which store the last config file that was good names. */
interface Note extends StoreConfig {
  file: string
}

/**
 * Notes in a folder which event store a good config names, for the day on which the config is wrong or gone. Safe to
 * repeat. Where nothing can be written, nothing is noted.
 * @param folder The cache of compiled code, which each user has; undefined where there is none.
 */
export function noteStore(folder: string | undefined, file: string, config: StoreConfig): void {
  if (!folder) return
  const { state, functions, sources, http } = config
  const note: Note = {
    file,
    state,
    functions,
    sources: Object.fromEntries(Object.keys(sources).map((name) => [name, {}])),
    ...(http?.socket !== undefined && { http: { socket: http.socket } }),
  }
  const json = JSON.stringify(note)
  const path = join(folder, noteFile)
  try {
    if (textOf(path) === json) return
    const draft = `${path}.${process.pid}`
    writeFileSync(draft, json, { mode: 0o600 })
    renameSync(draft, path)
  } catch {
    // A command that only reads works without it.
  }
}

/**
 * Which event store the config in this file named when it was last good.
 * @param uid The user that hdsync runs as: a note that others could have written is not taken.
 * @returns undefined also when another config was read since.
 */
export function notedStore(
  folder: string | undefined,
  file: string,
  uid = process.geteuid?.(),
): StoreConfig | undefined {
  if (!folder) return undefined
  const path = join(folder, noteFile)
  try {
    const { uid: owner, mode } = statSync(path)
    if (owner !== uid || mode & 0o022) return undefined
    const { file: of, ...store }: Note = JSON.parse(readFileSync(path, 'utf8'))
    return of === file ? store : undefined
  } catch {
    return undefined
  }
}

const noteFile = 'last-good.json'

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
