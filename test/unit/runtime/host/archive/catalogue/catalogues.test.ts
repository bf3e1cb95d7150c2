import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { target } from '../../archive-plans.ts'
import { manyKinds, Week } from './week.ts'

describe.each(['zstd', 'gzip', 'none'] as const)('the catalogue of archives, with %s', (compression) => {
  test('knows what is in each of them, through more than a week', async () => {
    const week = new Week(compression)
    manyKinds(week)
    for (let day = 0; day < 9; day += 1) {
      week.put(`folder${day % 4}/file${day}`, `changed on day ${day}`)
      week.put(`new${day}`, 'x')
      if (day > 2) rmSync(join(week.mirror, `new${day - 2}`))
      if (day === 4) chmodSync(join(week.mirror, 'folder1'), 0o700)
      if (day === 5) appendFileSync(join(week.mirror, 'shared', 'one name'), ', changed')
      await week.archive()
      expect(week.warnings).toEqual([])
      week.expectRight()
    }
  })

  test('knows what is in each of them where the clock is behind, and no file counts as old', async () => {
    const week = new Week(compression)
    week.aheadMs = -3_600_000
    manyKinds(week)
    for (let day = 0; day < 4; day += 1) {
      week.put(`folder${day % 4}/file${day}`, `changed on day ${day}`)
      week.put(`new${day}`, 'x')
      if (day === 3) week.aheadMs = 10_000
      await week.archive()
      expect(week.warnings).toEqual([])
      week.expectRight()
    }
  })

  test('has one row more after a night in which nothing has changed', async () => {
    const week = new Week(compression)
    manyKinds(week)
    await week.archive()
    await week.archive()
    const size = statSync(join(week.disk, '.hdsync-catalogue', 'var.sqlite')).size
    await week.archive({ isUnchanged: true })
    expect(week.warnings).toEqual([])
    expect(statSync(join(week.disk, '.hdsync-catalogue', 'var.sqlite')).size).toBe(size)
    week.expectRight()
  })

  test('has files with several names also after a night in which everything was packed anew', async () => {
    const week = new Week(compression)
    manyKinds(week)
    await week.archive()
    // Without them nothing is taken from an earlier archive.
    rmSync(join(week.state, 'archives'), { recursive: true })
    week.put('folder2/file2', 'changed')
    await week.archive()
    expect(week.warnings).toEqual([])
    week.expectRight()
  })

  test('is made anew from the archives alone, and goes on from there', async () => {
    const week = new Week(compression)
    manyKinds(week)
    await week.archive()
    week.put('folder2/file2', 'changed')
    await week.archive()
    await week.archive({ isUnchanged: true })
    rmSync(join(week.disk, '.hdsync-catalogue'), { recursive: true })
    rmSync(week.copy, { recursive: true })
    expect(await week.catalogues.rebuild({ target: target('hdd9', week.disk), source: 'var' })).toEqual([])
    week.expectRight()
    week.put('folder3/file3', 'changed')
    await week.archive()
    expect(week.warnings).toEqual([])
    week.expectRight()
    rmSync(join(week.mirror, 'folder1'), { recursive: true })
    await week.archive()
    week.expectRight()
  })
})

test('names of any bytes come out of the catalogue as they are', async () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 60 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x0a : byte))))
    .filter((bytes) => !['.', '..'].includes(bytes.toString('latin1')))
  const names = fc.uniqueArray(name, { minLength: 1, maxLength: 12, selector: (one) => one.toString('hex') })
  await fc.assert(
    fc.asyncProperty(names, names, async (folders, files) => {
      const week = new Week()
      const at = (...parts: Buffer[]) =>
        Buffer.concat([Buffer.from(week.mirror), ...parts.flatMap((part) => [Buffer.from('/'), part])])
      for (const folder of folders) {
        mkdirSync(at(folder))
        for (const file of files) writeFileSync(at(folder, file), 'x')
      }
      await week.archive()
      for (const folder of folders) writeFileSync(at(folder, Buffer.from('changed')), 'y')
      await week.archive()
      expect(week.warnings).toEqual([])
      week.expectRight()
    }),
    { numRuns: 6 },
  )
})

describe('a catalogue that', () => {
  test.each([
    ['is gone', (path: string) => rmSync(path)],
    ['is torn', (path: string) => truncateSync(path, 3000)],
    ['is something else', (path: string) => writeFileSync(path, 'something else')],
    ['is damaged in the middle', (path: string) => writeFileSync(path, damaged(readFileSync(path)))],
  ])('%s is made whole by the next archive', async (_, harm) => {
    const week = new Week()
    manyKinds(week)
    await week.archive()
    week.put('folder2/file2', 'changed')
    await week.archive()
    harm(join(week.disk, '.hdsync-catalogue', 'var.sqlite'))
    week.put('folder2/file2', 'changed again')
    await week.archive()
    expect(week.warnings).toEqual([])
    week.expectRight()
  })

  test('has missed an archive knows it after the next one', async () => {
    const week = new Week()
    manyKinds(week)
    await week.archive()
    const path = join(week.disk, '.hdsync-catalogue', 'var.sqlite')
    const before = readFileSync(path)
    week.put('folder2/file2', 'changed')
    await week.archive()
    writeFileSync(path, before)
    week.put('folder3/file3', 'changed')
    await week.archive()
    expect(week.warnings).toEqual([])
    week.expectRight()
  })

  test('cannot be written leaves the archive good, and says so', async () => {
    const week = new Week()
    manyKinds(week)
    mkdirSync(join(week.disk, '.hdsync-catalogue', 'var.sqlite'), { recursive: true, mode: 0o700 })
    await week.archive()
    expect(week.warnings).toEqual([
      expect.stringMatching(/the catalogue of var on target hdd9 could not .* hdsync catalogue rebuild var/),
    ])
    expect(existsSync(join(week.disk, 'Monday', 'var.tar.zst'))).toBe(true)
  })

  test('is a link is not followed', async () => {
    const week = new Week()
    week.put('file', 'x')
    mkdirSync(join(week.disk, '.hdsync-catalogue'), { mode: 0o700 })
    const elsewhere = join(week.folder, 'elsewhere')
    symlinkSync(elsewhere, join(week.disk, '.hdsync-catalogue', 'var.sqlite'))
    await week.archive()
    expect(week.warnings).toHaveLength(1)
    expect(existsSync(elsewhere)).toBe(false)
  })

  test('is nobody else’s to read, and has nothing beside it', async () => {
    const week = new Week()
    week.put('file', 'x')
    await week.archive()
    for (const folder of [join(week.disk, '.hdsync-catalogue'), week.copy]) {
      expect(statSync(folder).mode & 0o077).toBe(0)
      expect(statSync(join(folder, 'var.sqlite')).mode & 0o777).toBe(0o600)
      expect(readdirSync(folder)).toEqual(['var.sqlite'])
    }
  })
})

function damaged(bytes: Buffer): Buffer {
  for (let page = 1; page * 4096 < bytes.length; page += 1) bytes.fill(0xff, page * 4096, page * 4096 + 60)
  return bytes
}
