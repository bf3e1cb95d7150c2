import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Config, parseConfig } from './config.ts'
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

/**
 * Reads the config file. Safe to repeat: every call reads it anew.
 * @throws {ConfigError} The file cannot be read, could have been written by others, or is wrong.
 */
export async function loadConfig({ path, env, uid }: LoadOptions): Promise<Config> {
  const named = path || env.HDSYNC_CONFIG
  const file = resolve(named || DEFAULT_CONFIG_FILE)
  const missingHint = named
    ? `it is named by ${path ? '--config' : 'HDSYNC_CONFIG'}: is that the right path?`
    : 'write one, or name another with --config FILE'
  const bytes = await readWhole(file, missingHint, uid)
  return parseConfig(decode(bytes, file), file)
}

async function readWhole(file: string, missingHint: string, uid: number | undefined): Promise<Uint8Array> {
  let handle: FileHandle | undefined
  try {
    // Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (!stats.isFile())
      refuse(file, 'a file', stats.isDirectory() ? 'a folder' : 'something else', missingHint)
    if (stats.size > MAX_BYTES) refuse(file, 'at most 1 MiB', `${stats.size} bytes`, missingHint)
    refuseUntrusted(file, stats, uid)
    return await handle.readFile()
  } catch (error) {
    throw error instanceof ConfigError ? error : unreadable(file, missingHint, error as NodeJS.ErrnoException)
  } finally {
    await handle?.close()
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
