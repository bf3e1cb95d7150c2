import { accessSync, constants, existsSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { ConfigError } from '../../config/problem.ts'
import { defaultState, usersSocketPath } from '../../config/socket.ts'
import type { Io } from '../io.ts'

/**
 * The config; or, for a user who is not root and may not read it or the store, the socket over which the daemon tells them
 * what they could read.
 * @throws {ConfigError} The config cannot be used, and there is no such socket.
 */
export async function configOrSocket(
  { config: path }: { config?: string },
  { env }: Io,
): Promise<{ config: Config; users?: undefined } | { config?: undefined; users: string }> {
  const isRoot = process.geteuid?.() === 0
  try {
    const config = await loadConfig({ path, env })
    const isOurs = isRoot || config.http?.users === undefined || canWrite(config.state)
    return isOurs ? { config } : { users: usersSocketPath(config) }
  } catch (error) {
    const users = usersSocketPath({ state: defaultState })
    const isNamed = path !== undefined || env.HDSYNC_CONFIG !== undefined
    if (isRoot || isNamed || !(error instanceof ConfigError) || !existsSync(users)) throw error
    return { users }
  }
}

function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
