import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { cacheFolder, fromCache, keyOf } from '../../lab/cache.ts'
import { temporaryFolder } from '../temporary-folder.ts'

let made = 0
beforeEach(() => {
  vi.stubEnv('TMPDIR', temporaryFolder())
  made = 0
})
afterEach(() => vi.unstubAllEnvs())

const wanted = (key: string, kept = 2) =>
  fromCache({
    kind: 'things',
    key,
    kept,
    make: async (folder) => {
      made += 1
      writeFileSync(join(folder, 'thing'), `thing ${key}`)
    },
  })

test('an entry is made once', async () => {
  expect(await wanted('a1')).toBe(await wanted('a1'))
  expect(readFileSync(join(await wanted('a1'), 'thing'), 'utf8')).toBe('thing a1')
  expect(made).toBe(1)
})

test('an entry that was cut short, changed or is not listed is made again', async () => {
  const thing = join(await wanted('a1'), 'thing')
  truncateSync(thing, 3)
  await wanted('a1')
  writeFileSync(thing, 'thing b2')
  await wanted('a1')
  writeFileSync(join(thing, '../.whole'), '[]')
  await wanted('a1')
  expect(readFileSync(thing, 'utf8')).toBe('thing a1')
  expect(made).toBe(4)
})

test('a failure leaves nothing, and the next one makes it', async () => {
  const make = async (folder: string) => {
    writeFileSync(join(folder, 'thing'), 'half')
    throw new Error('no room')
  }
  await expect(fromCache({ kind: 'things', key: 'a1', kept: 1, make })).rejects.toThrow('no room')
  expect(readdirSync(cacheFolder('things'))).toEqual([])
  await wanted('a1')
  expect(made).toBe(1)
})

test('those who want the same entry at once wait for one of them', async () => {
  const script = `
    import { fromCache } from '${join(import.meta.dirname, '../../lab/cache.ts')}'
    import { appendFileSync, writeFileSync } from 'node:fs'
    await fromCache({ kind: 'things', key: 'a1', kept: 1, make: async (folder) => {
      appendFileSync(process.env.TMPDIR + '/made', 'x')
      writeFileSync(folder + '/thing', 'thing')
    } })`
  const children = [1, 2, 3].map(() => spawn(process.execPath, ['--input-type=module', '-e', script]))
  for (const code of await Promise.all(children.map((child) => once(child, 'close')))) expect(code[0]).toBe(0)
  expect(readFileSync(join(process.env.TMPDIR ?? '', 'made'), 'utf8')).toBe('x')
})

test('the lock of a process that is gone keeps nobody waiting', async () => {
  writeFileSync(join(cacheFolder('things'), 'a1.lock'), '999999999')
  await wanted('a1')
  expect(made).toBe(1)
})

test('old entries and what killed processes left are removed, what was used within the hour is not', async () => {
  const folder = cacheFolder('things')
  for (const key of ['a1', 'b2', 'c3']) await wanted(key, 1)
  mkdirSync(join(folder, 'd4.999999999-abc'))
  utimesSync(join(folder, 'a1'), 1, 1)
  await wanted('c3', 1)
  expect(existsSync(join(folder, 'd4.999999999-abc'))).toBe(false)
  expect(readdirSync(folder).sort()).toEqual(['b2', 'c3'])
})

test('keyOf() tells words and contents of files apart', () => {
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, 'one')
  const key = keyOf(['a', 'b'], [file])
  expect(key).toMatch(/^[0-9a-f]{16}$/)
  writeFileSync(file, 'two')
  expect(new Set([key, keyOf(['a', 'b'], [file]), keyOf(['ab'], [file]), keyOf(['a', 'b'])]).size).toBe(4)
})
