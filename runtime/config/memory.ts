import { closeSync, fstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { complete, type Settings } from './complete.ts'
import type { Config } from './config.ts'

/**
 * A config as an earlier process has read and checked it. What a text says depends on the text and on hdsync alone,
 * and to load what checks it takes a command longer than all that it is asked for.
 */
export interface ConfigMemory {
  /** What a file says, if it was kept with this very text; undefined where there is any doubt. */
  recall(file: string, text: string): Config | undefined
  /** What a file last said, whatever it says now; undefined when another one was read since. */
  latest(file: string): Config | undefined
  /** Keeps it for later. Where that cannot be, the next process checks it again. */
  keep(config: Config, text: string): void
}

interface Kept {
  build: string
  text: string
  settings: Settings
}

const none: ConfigMemory = { recall: () => undefined, latest: () => undefined, keep() {} }

/**
 * The memory in the folder in which Node keeps compiled code: one config, the last that was read. In a checkout, where
 * the code changes at any time, nothing is kept.
 * @param uid The user that hdsync runs as. What others could have written is not taken.
 * @param build The file that this code is in. Its name has a hash of all that it loads, and so of what checks a config.
 */
export function configMemory(
  folder: string | undefined,
  uid = process.geteuid?.(),
  build = import.meta.url,
): ConfigMemory {
  if (!folder || !/-[A-Z0-9]{8}\.js$/.test(build)) return none
  const path = join(folder, 'config.json')
  return {
    recall(file, text) {
      const kept = keptOf(file)
      return kept?.text === text ? complete(kept.settings, text) : undefined
    },
    latest(file) {
      const kept = keptOf(file)
      return kept && complete(kept.settings, kept.text)
    },
    keep(config, text) {
      const { digest: _, ...settings } = config
      const json = JSON.stringify({ build, text, settings } satisfies Kept)
      // What JSON cannot say would be missing the next time.
      if (isDeepStrictEqual(complete(JSON.parse(json).settings, text), config)) write(path, json)
    },
  }

  function keptOf(file: string): Kept | undefined {
    const kept = read(path, uid)
    return kept?.build === build && kept.settings.file === file ? kept : undefined
  }
}

/** Of a file that is torn, or somebody else's, nothing is taken. */
function read(path: string, uid: number | undefined): Kept | undefined {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const { uid: owner, mode } = fstatSync(file)
    return owner === uid && !(mode & 0o022) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** Addresses in a config are secrets: it is for nobody else to read. */
function write(path: string, json: string): void {
  const draft = `${path}.${process.pid}`
  try {
    writeFileSync(draft, json, { mode: 0o600, flag: 'wx' })
    renameSync(draft, path)
  } catch {
    discard(draft)
  }
}

function discard(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // In a folder that is not ours there is nothing of ours either.
  }
}
