import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { locateStore } from '../config/locate.ts'
import type { StoreConfig } from '../config/store-config.ts'
import { storeFile } from '../core/bus/sqlite/database.ts'
import type { Io } from './io.ts'

/**
 * The config, for commands that only need the event store and whoever is at work on it. One that cannot be used is told of
 * on stderr, and does not keep them from their work.
 * @throws {ConfigError} It cannot be used, and there is no store where it may be.
 */
export async function storeConfig(path: string | undefined, io: Io): Promise<StoreConfig> {
  const { config, problem, basis } = await locateStore({ path, env: io.env })
  if (!problem) return config
  if (!existsSync(join(config.state, storeFile))) throw problem
  io.stderr(`hdsync: no backup can be made with this config:\n${problem.message}\n`)
  io.stderr(`hdsync: goes by the event store in ${config.state}, ${basis}\n`)
  return config
}
