import { configFile, DEFAULT_CONFIG_FILE, type LoadOptions, readConfigText } from './config-file.ts'
import { lastGood, stampOf } from './last-good.ts'
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
 * Finds the event store of a config, for commands that only look into it. A config that has not changed since it was last
 * good is not checked again. One that cannot be used does not put a run out of reach that is going on.
 * @throws {ConfigError} The config cannot be used, and nothing tells where its store may be.
 */
export async function locateStore(options: LoadOptions): Promise<Located> {
  const file = configFile(options)
  const noted = lastGood(options.env.NODE_COMPILE_CACHE, file, options.uid)
  if (noted && noted.stamp === stampOf(file)) return { config: noted.store }
  try {
    const { loadConfig } = await import('./load.ts')
    return { config: await loadConfig(options) }
  } catch (problem) {
    if (!(problem instanceof ConfigError)) throw problem
    const found = noted
      ? { config: noted.store, basis: 'as it was when it was last good' }
      : await guess(options)
    if (!found) throw problem
    return { ...found, problem }
  }
}

async function guess(options: LoadOptions): Promise<Located | undefined> {
  const { ordinaryStore, storeConfigIn } = await import('./loose-store.ts')
  const text = readIfThere(options)
  const said = text === undefined ? undefined : storeConfigIn(text)
  if (said) return { config: said, basis: 'as far as it can be read' }
  // Of a file with another name nobody knows whether it meant another store.
  if (configFile(options) !== DEFAULT_CONFIG_FILE) return undefined
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
