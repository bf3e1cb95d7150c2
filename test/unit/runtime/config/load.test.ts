import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { DEFAULT_CONFIG_FILE } from '../../../../runtime/config/config-file.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { ConfigError } from '../../../../runtime/config/problem.ts'

const VALID = 'sources: { etc: { path: /etc, target: disk } }\ntargets: { disk: { path: /mnt/disk } }\n'
const USER = 1000
const isRoot = process.geteuid?.() === 0

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hdsync-config-'))
})

async function write(name: string, content: string | Uint8Array, mode = 0o644): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  await chmod(path, mode)
  return path
}

describe('loadConfig()', () => {
  test('takes the file of --config before that of HDSYNC_CONFIG', async () => {
    const path = await write('a.yaml', VALID)
    const config = await loadConfig({ path, env: { HDSYNC_CONFIG: '/nowhere' }, uid: USER })
    expect(config.file).toBe(path)
    expect(Object.keys(config.sources)).toEqual(['etc'])
  })

  test('takes the file of HDSYNC_CONFIG, and no byte order mark', async () => {
    const path = await write('b.yaml', `\uFEFF${VALID}`)
    expect((await loadConfig({ env: { HDSYNC_CONFIG: path }, uid: USER })).file).toBe(path)
  })

  test('says how to begin when there is no config at all', async () => {
    await expect(loadConfig({ env: {}, uid: USER })).rejects.toThrow(
      `${DEFAULT_CONFIG_FILE}: expected a config file, found none\n  \`hdsync init\` looks at this machine and writes it; --config FILE names another`,
    )
  })

  test('says where the name of a missing file came from, and keeps the cause', async () => {
    const path = join(folder, 'none.yaml')
    const error = await loadConfig({ path, env: {}, uid: USER }).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toBe(
      `${path}: expected a config file, found none\n  it is named by --config: is that the right path? If so, \`hdsync init --config ${path}\` writes it`,
    )
    expect(error.cause.code).toBe('ENOENT')
    await expect(loadConfig({ env: { HDSYNC_CONFIG: path }, uid: USER })).rejects.toThrow(
      'named by HDSYNC_CONFIG',
    )
  })

  test('refuses a folder', async () => {
    await expect(loadConfig({ path: folder, env: {}, uid: USER })).rejects.toThrow(
      `${folder}: expected a file, found a folder`,
    )
  })

  test('refuses a named pipe, without waiting for a writer', async () => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    await expect(loadConfig({ path, env: {}, uid: USER })).rejects.toThrow('found something else')
  })

  test('refuses bytes that are not UTF-8', async () => {
    const path = await write('latin1.yaml', new Uint8Array([0x61, 0x3a, 0x20, 0xe9]))
    await expect(loadConfig({ path, env: {}, uid: USER })).rejects.toThrow(
      `${path}: expected text in UTF-8, found other bytes`,
    )
  })

  test('refuses a file beyond 1 MiB before it reads it', async () => {
    const path = await write('huge.yaml', '#'.repeat(1024 ** 2 + 1))
    await expect(loadConfig({ path, env: {}, uid: USER })).rejects.toThrow('expected at most 1 MiB')
  })

  test('refuses an empty file', async () => {
    const path = await write('empty.yaml', '')
    await expect(loadConfig({ path, env: {}, uid: USER })).rejects.toThrow(
      `${path}:1:1: expected a map with the keys sources and targets, found an empty file`,
    )
  })

  test('refuses root a file that others can write, before it is parsed', async () => {
    const path = await write('loose.yaml', 'not: a config', 0o666)
    await expect(loadConfig({ path, env: {}, uid: 0 })).rejects.toThrow(`run: chmod go-w ${path}`)
  })

  test.skipIf(isRoot)('says that a file may not be read', async () => {
    const path = await write('secret.yaml', VALID, 0o000)
    await expect(loadConfig({ path, env: {}, uid: USER })).rejects.toThrow('one that this user may not read')
  })
})
