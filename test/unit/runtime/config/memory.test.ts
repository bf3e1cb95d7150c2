import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { configMemory } from '../../../../runtime/config/memory.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

const text = `
sources:
  var: { lv: vg01/lv_var, target: t, snapshot: { size: 20%, gate: { timeout: 5s } }, exclude: [cache] }
  constructor: { path: /usr, target: t, maxDelete: 10 }
targets: { t: { path: /mnt/t, mounts: [{ device: UUID=0e3c5d1a, at: /mnt/t }] } }
archive: { target: t }
notify: [{ exec: [/bin/true], on: [run.odd] }, { healthchecks: { url: https://hc.example/secret } }]
http: { listen: 127.0.0.1:7227, tokenFile: /etc/hdsync/http.token }
`
const file = '/etc/hdsync/hdsync.yaml'
const config = parseConfig(text, file)
const uid = process.geteuid?.()
const build = 'file:///usr/lib/hdsync/runtime/chunks/chunk-ABCDEF12.js'

test('a config that was kept is the one that was read', () => {
  const folder = temporaryFolder()
  configMemory(folder, uid, build).keep(config, text)
  const known = configMemory(folder, uid, build).recall(file, text)
  expect(isDeepStrictEqual(known, config)).toBe(true)
  expect(known?.digest).toBe(config.digest)
  expect(Object.getPrototypeOf(known?.sources)).toBeNull()
  expect(known?.warnings).toHaveLength(1)
})

test('it is taken for this text, this file and this build alone', () => {
  const folder = temporaryFolder()
  const memory = configMemory(folder, uid, build)
  expect(memory.recall(file, text)).toBeUndefined()
  memory.keep(config, text)
  expect(memory.recall(file, `${text} `)).toBeUndefined()
  expect(memory.recall('/etc/other.yaml', text)).toBeUndefined()
  expect(configMemory(folder, uid, build.replace('ABC', 'XYZ')).recall(file, text)).toBeUndefined()
  expect(memory.recall(file, text)).toBeDefined()
})

test('what a file last said is known whatever it says now', () => {
  const folder = temporaryFolder()
  const memory = configMemory(folder, uid, build)
  expect(memory.latest(file)).toBeUndefined()
  memory.keep(config, text)
  expect(isDeepStrictEqual(memory.latest(file), config)).toBe(true)
  expect(memory.latest('/etc/other.yaml')).toBeUndefined()
  expect(configMemory(folder, 12345, build).latest(file)).toBeUndefined()
})

test('it is for nobody else to read, and not taken where others could have written it', () => {
  const folder = temporaryFolder()
  const memory = configMemory(folder, uid, build)
  memory.keep(config, text)
  const path = join(folder, 'config.json')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(configMemory(folder, 12345, build).recall(file, text)).toBeUndefined()
  chmodSync(path, 0o620)
  expect(memory.recall(file, text)).toBeUndefined()
})

test('one that is torn is as good as none', () => {
  const folder = temporaryFolder()
  const memory = configMemory(folder, uid, build)
  memory.keep(config, text)
  const path = join(folder, 'config.json')
  for (const torn of ['', '\0\0\0', 'null', '{}', '[]', readFileSync(path, 'utf8').slice(0, -9)]) {
    writeFileSync(path, torn)
    expect(memory.recall(file, text)).toBeUndefined()
  }
})

test('nothing is kept where nothing can be, nor of code that changes under its name', () => {
  configMemory(join(temporaryFolder(), 'none'), uid, build).keep(config, text)
  const folder = temporaryFolder()
  for (const code of ['file:///opt/hdsync/runtime/config/memory.ts', import.meta.url]) {
    configMemory(folder, uid, code).keep(config, text)
    expect(configMemory(folder, uid, code).recall(file, text)).toBeUndefined()
  }
})
