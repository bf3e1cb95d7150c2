import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { lastGood, noteGood, stampOf } from '../../../../runtime/config/last-good.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

const file = '/etc/hdsync/hdsync.yaml'
const config = parseConfig(
  `
state: /srv/s
functions: /srv/f
sources: { var: { path: /var, target: t } }
targets: { t: { path: /mnt/t } }
notify: [{ healthchecks: { url: https://hc.example/secret } }]
http: { socket: /run/h.sock }
`,
  file,
)

/** A folder with the note of the config. */
function noted(): { folder: string; path: string } {
  const folder = temporaryFolder()
  noteGood(folder, config, '1:2')
  return { folder, path: join(folder, 'last-good.json') }
}

test('what is noted of a config is where its store is, how to reach its daemon, and the names of its sources', () => {
  const { folder, path } = noted()
  expect(lastGood(folder, file)).toEqual({
    file,
    stamp: '1:2',
    store: { state: '/srv/s', functions: '/srv/f', sources: { var: {} }, http: { socket: '/run/h.sock' } },
  })
  expect(readFileSync(path, 'utf8')).not.toContain('secret')
})

test('it is known until another config has been read', () => {
  const { folder } = noted()
  expect(lastGood(folder, '/etc/other.yaml')).toBeUndefined()
  noteGood(folder, { ...config, file: '/etc/other.yaml' }, '1:2')
  expect(lastGood(folder, file)).toBeUndefined()
  expect(lastGood(folder, '/etc/other.yaml')).toBeDefined()
})

test('it is not written a second time', () => {
  const { folder, path } = noted()
  const { ino } = statSync(path)
  noteGood(folder, config, '1:2')
  expect(statSync(path).ino).toBe(ino)
})

test('it is not taken where others could have written it', () => {
  const { folder, path } = noted()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(lastGood(folder, file, 12345)).toBeUndefined()
  chmodSync(path, 0o620)
  expect(lastGood(folder, file)).toBeUndefined()
})

test.each(['', '\0\0\0', 'null', '{}', '[]', '{"file":"/etc/hds'])(
  'one that is torn (%j) is none',
  (torn) => {
    const { folder, path } = noted()
    writeFileSync(path, torn)
    expect(lastGood(folder, file)).toBeUndefined()
  },
)

test('nothing is noted where nothing can be', () => {
  noteGood(undefined, config, '1:2')
  expect(lastGood(undefined, file)).toBeUndefined()
  noteGood(join(temporaryFolder(), 'none'), config, '1:2')
})

test('a file that was written, or given other permissions, has another stamp', () => {
  const path = join(temporaryFolder(), 'hdsync.yaml')
  expect(stampOf(path)).toBeUndefined()
  const stamps = [
    () => writeFileSync(path, 'a'),
    () => writeFileSync(path, 'ab'),
    () => chmodSync(path, 0o600),
  ].map((change) => {
    change()
    return stampOf(path)
  })
  expect(stampOf(path)).toBe(stamps.at(-1))
  expect(new Set(stamps).size).toBe(3)
})
