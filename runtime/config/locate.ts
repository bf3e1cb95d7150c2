import { notedStore } from './last-good.ts'
import { configFile, DEFAULT_CONFIG_FILE, type LoadOptions, loadConfig, readConfigText } from './load.ts'
import { ordinaryStore, storeConfigIn } from './loose-store.ts'
import { ConfigError } from './problem.ts'
import type { StoreConfig } from './store-config.ts'

/** Where an event store lies, and how that is known. */
export interface Located {
  config: StoreConfig
  /** Finishes the sentence "the event store is in ..., ..."; undefined where the config is good. */
  basis?: string
  /** What is wrong with the config. */
  problem?: ConfigError
}

/**
 * Reads the config; of one that cannot be used, what tells where its event store is. A run that is going on needs no
 * config any more, and is not to be out of reach because somebody is editing it.
 * @throws {ConfigError} The config cannot be used, and nothing tells where its store may be.
 */
export async function locateStore(options: LoadOptions): Promise<Located> {
  try {
    return { config: await loadConfig(options) }
  } catch (problem) {
    if (!(problem instanceof ConfigError)) throw problem
    const found = guess(options)
    if (!found) throw problem
    return { ...found, problem }
  }
}

/** What was last read of the file is what the run that is going on has begun with, as a rule. */
function guess(options: LoadOptions): Located | undefined {
  const file = configFile(options)
  const noted = notedStore(options.env.NODE_COMPILE_CACHE, file, options.uid)
  if (noted) return { config: noted, basis: 'as it was when it was last good' }
  const text = readIfThere(options)
  const said = text === undefined ? undefined : storeConfigIn(text)
  if (said) return { config: said, basis: 'as far as it can be read' }
  // Of a file with another name nobody knows whether it meant another store.
  if (file !== DEFAULT_CONFIG_FILE) return undefined
  return { config: ordinaryStore(), basis: 'where it is unless a config says otherwise' }
}

/** What others could have written tells nothing either. */
function readIfThere(options: LoadOptions): string | undefined {
  try {
    return readConfigText(options)
  } catch {
    return undefined
  }
}
