import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ConfigError } from './problem.ts'
import { refuseUntrusted } from './trust.ts'

export const DEFAULT_CONFIG_FILE = '/etc/hdsync/hdsync.yaml'

const MAX_BYTES = 1024 ** 2

export interface LoadOptions {
  /** From `--config`. */
  path?: string | undefined
  /** `HDSYNC_CONFIG` names the file if `path` does not. Default of both: {@link DEFAULT_CONFIG_FILE}. */
  env: Record<string, string | undefined>
  /** The user that hdsync runs as; root takes files of root alone. Default: the effective user. */
  uid?: number
}

/** The file that the config is read from. */
export function configFile({ path, env }: Pick<LoadOptions, 'path' | 'env'>): string {
  return resolve(path || env.HDSYNC_CONFIG || DEFAULT_CONFIG_FILE)
}

/** @throws {ConfigError} The file cannot be read, or could have been written by others. */
export function readConfigText({ path, env, uid }: LoadOptions): string {
  const file = configFile({ path, env })
  const missingHint =
    path || env.HDSYNC_CONFIG
      ? `it is named by ${path ? '--config' : 'HDSYNC_CONFIG'}: is that the right path? If so, \`hdsync init --config ${file}\` writes it`
      : '`hdsync init` looks at this machine and writes it; --config FILE names another'
  return decode(readWhole(file, missingHint, uid), file)
}

function readWhole(file: string, missingHint: string, uid: number | undefined): Uint8Array {
  let handle: number | undefined
  try {
    // Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = fstatSync(handle)
    if (!stats.isFile())
      refuse(file, 'a file', stats.isDirectory() ? 'a folder' : 'something else', missingHint)
    if (stats.size > MAX_BYTES) refuse(file, 'at most 1 MiB', `${stats.size} bytes`, missingHint)
    refuseUntrusted(file, stats, uid)
    return readFileSync(handle)
  } catch (error) {
    throw error instanceof ConfigError ? error : unreadable(file, missingHint, error as NodeJS.ErrnoException)
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

function unreadable(file: string, missingHint: string, cause: NodeJS.ErrnoException): ConfigError {
  const absent = cause.code === 'ENOENT' || cause.code === 'ENOTDIR'
  const denied = cause.code === 'EACCES' || cause.code === 'EPERM'
  const found = absent ? 'none' : denied ? 'one that this user may not read' : cause.message
  const hint = absent
    ? missingHint
    : denied
      ? 'run hdsync as root, or name another with --config FILE'
      : undefined
  return new ConfigError([{ file, key: '', expected: 'a config file', found, hint }], cause)
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    const hint = `convert it: iconv -f latin1 -t utf-8 (or whatever it was written in)`
    throw new ConfigError([{ file, key: '', expected: 'text in UTF-8', found: 'other bytes', hint }], cause)
  }
}

function refuse(file: string, expected: string, found: string, hint: string): never {
  throw new ConfigError([{ file, key: '', expected, found, hint }])
}
