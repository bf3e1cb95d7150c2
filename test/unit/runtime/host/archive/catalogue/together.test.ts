import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { namePattern } from '../../../../../../runtime/backup/restore/name-pattern.ts'
import { type Difference, differenceOf } from '../../../../../../runtime/backup/restore/versions.ts'
import {
  catalogueFolder,
  catalogueName,
} from '../../../../../../runtime/host/archive/catalogue/catalogue-file.ts'
import { Together } from '../../../../../../runtime/host/archive/catalogue/together.ts'
import type { Wanted } from '../../../../../../runtime/host/archive/catalogue/wanted-names.ts'
import { archiveReader } from '../../../../../../runtime/host/points/archive-reader.ts'
import type { Entry } from '../../../../../../runtime/host/points/entry.ts'
import { pointsOn } from '../../../../../../runtime/host/points/find-points.ts'
import { pathText } from '../../../../../../runtime/host/points/path-text.ts'
import { readerOf } from '../../../../../../runtime/host/points/reader.ts'
import type { RestorePoint } from '../../../../../../runtime/host/points/restore-point.ts'
import { recordingRunner } from '../../runner.ts'
import { lineOf, Week } from './week.ts'

/** A name of any bytes. */
const name = fc
  .uint8Array({ minLength: 1, maxLength: 30 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x0a : byte))))
  .filter((bytes) => !['.', '..'].includes(bytes.toString('latin1')))

const step = fc.record({
  folder: fc.nat(3),
  file: fc.nat(5),
  to: fc.nat(5),
  what: fc.constantFrom(
    'write',
    'write',
    'remove',
    'removeFolder',
    'link',
    'symlink',
    'chmod',
    'touch',
    'swap',
  ),
})

const world = fc.record({
  folders: fc.uniqueArray(name, { minLength: 4, maxLength: 4, selector: (one) => one.toString('hex') }),
  files: fc.uniqueArray(name, { minLength: 6, maxLength: 6, selector: (one) => one.toString('hex') }),
  nights: fc.array(fc.array(step, { maxLength: 12 }), { minLength: 2, maxLength: 4 }),
  compression: fc.constantFrom('zstd', 'gzip', 'none'),
})

/** Does one thing to a tree, if it can be done. */
function change(
  at: (...names: Buffer[]) => Buffer,
  file: Buffer,
  other: Buffer,
  folder: Buffer,
  what: string,
  n: number,
) {
  const path = at(folder, file)
  // A file that is replaced by a folder, or a folder that holds another one.
  const below = at(folder, file, other)
  try {
    mkdirSync(at(folder), { recursive: true })
    if (what === 'write') writeFileSync(path, 'x'.repeat(n))
    if (what === 'remove') rmSync(path, { recursive: true })
    if (what === 'removeFolder') rmSync(at(folder), { recursive: true })
    if (what === 'link') linkSync(path, at(other))
    if (what === 'symlink') symlinkSync(other, path)
    if (what === 'chmod') chmodSync(path, 0o400 + n)
    if (what === 'touch') utimesSync(path, n, n)
    if (what === 'swap') {
      rmSync(path, { force: true, recursive: true })
      mkdirSync(path)
      writeFileSync(below, 'below')
    }
  } catch {
    // It was not there, or is something else.
  }
}

/** A file that gets a second name, which comes before its first one: both stand in segments that are new. */
const namedTwice = {
  folders: [10, 1, 2, 3].map((byte) => Buffer.from([byte])),
  files: [10, 48, 1, 2, 3, 4].map((byte) => Buffer.from([byte])),
  nights: [
    [{ folder: 0, file: 0, to: 0, what: 'write' as const }],
    [{ folder: 0, file: 0, to: 1, what: 'link' as const }],
  ],
  compression: 'zstd' as const,
}

/** The same with a symbolic link, of which there can be several names as well. */
const linkNamedTwice = {
  ...namedTwice,
  nights: [[{ folder: 0, file: 0, to: 2, what: 'symlink' as const }], namedTwice.nights[1] ?? []],
}

const archives = (week: Week) => pointsOn({ target: 'hdd9', path: week.disk, mirrors: [] })

const differenceLines = ({ added, removed, changed }: Difference, withWhat = true) =>
  [
    ...added.map((entry) => `+ ${entry.path.toString('hex')}`),
    ...removed.map((entry) => `- ${entry.path.toString('hex')}`),
    ...changed.map(({ after, what }) => `${withWhat ? what : 'M'} ${after.path.toString('hex')}`),
  ].sort()

async function expectSameDifferences(
  known: Together,
  points: readonly RestorePoint[],
  unders: readonly Buffer[],
) {
  const { runner } = recordingRunner()
  const slow = ({ path, source }: RestorePoint) =>
    archiveReader(
      { path, source, compression: path.endsWith('.zst') ? 'zstd' : path.endsWith('.gz') ? 'gzip' : 'none' },
      runner,
    )
  for (const from of points)
    for (const to of points)
      for (const under of unders) {
        const quick = await differenceOf(known.onlyIn(from, to, under), known.onlyIn(to, from, under))
        const listed = await differenceOf(
          readerOf(from, runner).entries(under),
          readerOf(to, runner).entries(under),
        )
        expect(differenceLines(quick)).toEqual(differenceLines(listed))
        const read = await differenceOf(slow(from).entries(under), slow(to).entries(under))
        expect(differenceLines(quick, false)).toEqual(differenceLines(read, false))
      }
}

async function expectSameFinds(known: Together, points: readonly RestorePoint[], wanted: Wanted) {
  const found = new Map<string, Set<string>>()
  const note = (to: typeof found, entry: Entry, id: string) => {
    const line = lineOf(entry)
    to.set(line, (to.get(line) ?? new Set()).add(id))
  }
  for (const { entry, points } of [...known.matching(wanted)].flat())
    for (const { id } of points) note(found, entry, id)
  const slowly: typeof found = new Map()
  const { runner } = recordingRunner()
  for (const point of points)
    for await (const entry of readerOf(point, runner).entries())
      if (entry.path.length > 0 && wanted.takes(pathText(entry.path))) note(slowly, entry, point.id)
  expect(found).toEqual(slowly)
}

test('comparing and searching by the catalogue tells the same as reading all, for names of any bytes', async () => {
  let n = 0
  await fc.assert(
    fc.asyncProperty(world, async ({ folders, files, nights, compression }) => {
      const week = new Week(compression as 'zstd')
      const at = (...parts: Buffer[]) =>
        Buffer.concat([Buffer.from(week.mirror), ...parts.flatMap((part) => [Buffer.from('/'), part])])
      for (const steps of nights) {
        for (const { folder, file, to, what } of steps) {
          n = (n + 1) % 300
          change(at, files[file] as Buffer, files[to] as Buffer, folders[folder] as Buffer, what, n)
        }
        await week.archive()
        expect(week.warnings).toEqual([])
      }
      const points = archives(week)
      using known = await Together.open(points)
      if (!known) throw new Error('no catalogue knows them')
      await expectSameDifferences(known, points, [Buffer.alloc(0), folders[0] as Buffer, files[0] as Buffer])
      const [file, folder] = [pathText(files[1] as Buffer), pathText(folders[1] as Buffer)]
      for (const pattern of ['*', '**/**', ...patternsOf(file), ...patternsOf(`${folder}/${file}`)])
        await expectSameFinds(known, points, namePattern(pattern))
    }),
    { numRuns: 8, examples: [[namedTwice], [linkNamedTwice]] },
  )
}, 300_000)

/** Patterns of a name, of a part of it, and of one with another character in each place. */
function patternsOf(text: string): string[] {
  const characters = [...text].map((character) => (/[*?[\\]/.test(character) ? `\\${character}` : character))
  const some = characters.slice(1).join('')
  return [characters.join(''), `*${some}*`, `*${characters.join('*')}*`, text.replaceAll(/[^/]/gu, '?')]
}

test('a search goes on from stretch to stretch, and finds each name in all its versions once', async () => {
  const week = new Week()
  for (let n = 0; n < 9000; n += 1) week.put(`folder${n % 3}/file${n}`, `${n}`)
  await week.archive()
  for (let n = 0; n < 9000; n += 1000) week.put(`folder${n % 3}/file${n}`, 'changed')
  await week.archive()
  using known = await Together.open(archives(week))
  const batches = [...(known?.matching(namePattern('*000*')) ?? [])]
  expect(batches.length).toBeGreaterThan(2)
  const found = batches.flat().filter(({ entry }) => entry.type === 'file')
  const names = found.map(({ entry, points }) => `${entry.path} ${points.length}`)
  const thousands = Array.from({ length: 8 }, (_, n) => `folder${((n + 1) * 1000) % 3}/file${n + 1}000`)
  expect(names.sort()).toEqual(thousands.flatMap((name) => [`${name} 1`, `${name} 1`]).sort())
}, 120_000)

test('what stands in no folder of a damaged catalogue is passed over', async () => {
  const week = new Week()
  for (const path of ['lost/file', 'there/file']) week.put(path, path)
  await week.archive()
  const database = new DatabaseSync(join(week.disk, catalogueFolder, catalogueName('var')))
  database.exec("DELETE FROM folder WHERE path = CAST('lost' AS BLOB)")
  database.close()
  using known = await Together.open(archives(week))
  const found = [...(known?.matching(namePattern('f*')) ?? [])].flat()
  expect(found.map(({ entry }) => `${entry.path}`)).toEqual(['there/file'])
})

test('what is equal in both archives is not gone through', async () => {
  const week = new Week()
  for (let folder = 0; folder < 30; folder += 1)
    for (let file = 0; file < 100; file += 1)
      week.put(`folder${folder}/file${file}`, `${folder} ${file}`.repeat(200))
  await week.archive()
  week.put('folder7/file7', 'changed')
  await week.archive()
  const points = archives(week)
  using known = await Together.open(points)
  const [one, other] = points as [RestorePoint, RestorePoint]
  expect([...(known?.onlyIn(one, other) ?? [])].length).toBeLessThan(1000)
})

test.each(['zstd', 'gzip'] as const)(
  'further names of a changed file are told, with %s',
  async (compression) => {
    const week = new Week(compression)
    const names = ['a', 'm/n', 'z'].map((name) => join(week.mirror, name))
    const [first = '', ...others] = names
    week.put('m/file', '')
    writeFileSync(first, 'of three')
    for (const other of others) linkSync(first, other)
    for (let n = 0; n < 4000; n += 1) week.put(`between${n % 9}/file${n}`, `${n}`)
    utimesSync(first, 1000, 1000)
    await week.archive()
    writeFileSync(first, 'of three, and longer')
    // The headers of further names are as they were.
    utimesSync(first, 1000, 1000)
    await week.archive()
    const points = archives(week)
    using known = await Together.open(points)
    const [one, other] = points as [RestorePoint, RestorePoint]
    if (!known) throw new Error('no catalogue knows them')
    const { changed } = await differenceOf(known.onlyIn(one, other), known.onlyIn(other, one))
    expect(changed.map(({ after }) => String(after.path)).sort()).toEqual(['a', 'm/n', 'z'])
  },
)
