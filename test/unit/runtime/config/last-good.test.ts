import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { notedStore, noteStore } from '../../../../runtime/config/last-good.ts'
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
  noteStore(folder, file, config)
  return { folder, path: join(folder, 'last-good.json') }
}

test('what is noted of a config is where its store is, how to reach its daemon, and the names of its sources', () => {
  const { folder, path } = noted()
  expect(notedStore(folder, file)).toEqual({
    state: '/srv/s',
    functions: '/srv/f',
    sources: { var: {} },
    http: { socket: '/run/h.sock' },
  })
  expect(readFileSync(path, 'utf8')).not.toContain('secret')
})

test('it is known until another config has been read', () => {
  const { folder } = noted()
  expect(notedStore(folder, '/etc/other.yaml')).toBeUndefined()
  noteStore(folder, '/etc/other.yaml', config)
  expect(notedStore(folder, file)).toBeUndefined()
  expect(notedStore(folder, '/etc/other.yaml')).toBeDefined()
})

test('it is not written a second time', () => {
  const { folder, path } = noted()
  const { ino } = statSync(path)
  noteStore(folder, file, config)
  expect(statSync(path).ino).toBe(ino)
})

test('it is not taken where others could have written it', () => {
  const { folder, path } = noted()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(notedStore(folder, file, 12345)).toBeUndefined()
  chmodSync(path, 0o620)
  expect(notedStore(folder, file)).toBeUndefined()
})

test.each(['', '\0\0\0', 'null', '{}', '[]', '{"file":"/etc/hds'])(
  'one that is torn (%j) is none',
  (torn) => {
    const { folder, path } = noted()
    writeFileSync(path, torn)
    expect(notedStore(folder, file)).toBeUndefined()
  },
)

test('nothing is noted where nothing can be', () => {
  noteStore(undefined, file, config)
  expect(notedStore(undefined, file)).toBeUndefined()
  noteStore(join(temporaryFolder(), 'none'), file, config)
})
