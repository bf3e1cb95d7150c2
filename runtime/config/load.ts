import { type Config, parseConfig } from './config.ts'
import { configFile, type LoadOptions, readConfigText } from './config-file.ts'
import { nameTargets } from './host-path.ts'
import { noteGood, stampOf } from './last-good.ts'

/**
 * Reads the config file, and on a host of a fleet what its hub has set. Safe to repeat: every call reads and checks it anew.
 * @throws {ConfigError} The file cannot be read, could have been written by others, or is wrong.
 */
export async function loadConfig({ path, env, uid }: LoadOptions): Promise<Config> {
  const file = configFile({ path, env })
  const stamp = stampOf(file)
  const text = readConfigText({ path, env, ...(uid !== undefined && { uid }) })
  const config = parseConfig(text, file)
  noteGood(env.NODE_COMPILE_CACHE, config, stamp)
  const named = nameTargets(config)
  if (named.fleet?.role !== 'host') return named
  const { withPushed } = await import('./pushed/file.ts')
  return withPushed(named)
}
