import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { makePlan, type RestoreRequest } from '../../../../../../runtime/backup/restore/make-plan.ts'
import {
  beginRestore,
  placeRestore,
  unpackRestore,
} from '../../../../../../runtime/backup/restore/perform.ts'
import { planRequest } from '../../../../../../runtime/backup/restore/plan-request.ts'
import type { CommandRunner } from '../../../../../../runtime/host/command/command.ts'
import { archiveReader } from '../../../../../../runtime/host/points/archive-reader.ts'
import type { Entry, PointReader } from '../../../../../../runtime/host/points/entry.ts'
import { pointsOn } from '../../../../../../runtime/host/points/find-points.ts'
import { OpenFolder } from '../../../../../../runtime/host/points/open-folder.ts'
import { readerOf } from '../../../../../../runtime/host/points/reader.ts'
import type { RestorePoint } from '../../../../../../runtime/host/points/restore-point.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'
import { recordingRunner } from '../../runner.ts'
import { lineOf, manyKinds, Week } from './week.ts'

/** Two archives of a mirror with everything in it, the second of which takes most from the first. */
async function twoDays(compression: 'zstd' | 'gzip' | 'none' = 'zstd'): Promise<Week> {
  const week = new Week(compression)
  manyKinds(week)
  week.put('random', randomBytes(20 * 1024 ** 2))
  await week.archive()
  week.put('folder2/file2', 'changed')
  week.put(`${Buffer.from([0xc3, 0x28]).toString('latin1')}`, 'strange')
  await week.archive()
  return week
}

function readers(week: Week, weekday: string, runner: CommandRunner = recordingRunner().runner) {
  const points = pointsOn({ target: 'hdd9', path: week.disk, mirrors: [] })
  const point = points.find(({ path }) => path.includes(weekday))
  if (!point) throw new Error(`there is no archive of ${weekday}`)
  const compression = point.path.endsWith('zst') ? 'zstd' : point.path.endsWith('gz') ? 'gzip' : 'none'
  const slow = archiveReader({ path: point.path, source: 'var', compression }, runner)
  return { quick: readerOf(point, runner), slow, path: point.path }
}

async function entriesOf(reader: PointReader, under?: string, depth?: number): Promise<Entry[]> {
  return await Array.fromAsync(reader.entries(under === undefined ? undefined : Buffer.from(under), depth))
}

/** What both tell: tar lists no digests. */
const linesOf = (entries: readonly Entry[]) =>
  entries.map(({ sha256: _, ...entry }) => `${lineOf(entry)} ${entry.hardLinkTo ?? ''}`).sort()

describe.each(['zstd', 'gzip', 'none'] as const)('a quick reader, with %s', (compression) => {
  test('tells the same as one that reads all', async () => {
    const week = await twoDays(compression)
    for (const weekday of ['Monday', 'Tuesday']) {
      const { quick, slow } = readers(week, weekday)
      for (const [under, depth] of [
        [undefined, undefined],
        ['folder2', undefined],
        ['folder2', 1],
        ['', 1],
        ['', 2],
        ['', 0],
        ['folder2/file2', undefined],
        ['folder', undefined],
        ['none', undefined],
      ] as const)
        expect(linesOf(await entriesOf(quick, under, depth))).toEqual(
          linesOf(await entriesOf(slow, under, depth)),
        )
    }
  })

  test('reads and extracts the same', async () => {
    const week = await twoDays(compression)
    const { quick } = readers(week, 'Tuesday')
    for (const name of [
      'folder2/file2',
      'sparse',
      'large',
      'random',
      'shared/one name',
      'shared/another name',
    ]) {
      const contents = await buffer(quick.read(Buffer.from(name)))
      expect(contents.equals(readFileSync(join(week.mirror, name))), name).toBe(true)
    }
    const into = temporaryFolder()
    const paths = ['folder2', 'shared', 'sparse', 'folder1/file1', 'fifo']
    {
      using folder = OpenFolder.at(into)
      expect(
        await quick.extract(
          paths.map((path) => Buffer.from(path)),
          folder,
        ),
      ).toEqual({ unreadable: [] })
    }
    for (const path of paths.slice(0, -1))
      execFileSync('diff', ['-r', join(week.mirror, path), join(into, path)])
    expect(statSync(join(into, 'folder2', 'file2')).mtimeMs).toBe(
      statSync(join(week.mirror, 'folder2', 'file2')).mtimeMs,
    )
    expect(statSync(join(into, 'shared', 'one name')).nlink).toBe(2)
    expect(statSync(join(into, 'sparse')).blocks).toBeLessThan(100)
    expect(() => statSync(join(into, 'folder3'))).toThrow('ENOENT')
  })
})

test('most of an archive is read by tar itself', async () => {
  const week = await twoDays()
  const { runner, recorded } = recordingRunner()
  const { quick } = readers(week, 'Tuesday', runner)
  const into = temporaryFolder()
  using folder = OpenFolder.at(into)
  expect(await quick.extract([Buffer.alloc(0)], folder)).toEqual({ unreadable: [] })
  expect(recorded.map(({ argv }) => [argv[0], argv.includes('--zstd')])).toEqual([['tar', true]])
  execFileSync('diff', ['-r', '--no-dereference', '-x', 'fifo', week.mirror, into])
  // A large file of it is still read by its own segment.
  expect((await buffer(quick.read(Buffer.from('random')))).length).toBe(20 * 1024 ** 2)
  expect(recorded.at(-1)?.argv).not.toContain('--zstd')
})

test('a restore of one file asks the catalogue for it alone', async () => {
  const week = await twoDays()
  const { quick, slow, path } = readers(week, 'Tuesday')
  const asked: string[] = []
  const watched: PointReader = {
    ...quick,
    entries(under, depth) {
      asked.push(`${under} ${depth}`)
      return quick.entries(under, depth)
    },
  }
  const request: RestoreRequest = {
    point: { id: 'var@x', source: 'var', kind: 'weekday', at: '', target: 'hdd9', path },
    ...{ identity: '', paths: [Buffer.from('folder2/file2')], root: '/none', isNew: true },
    ...{ deletes: false, exclude: [], notBackedUp: [], leaveAlone: [], owners: 'keep' },
  }
  const { actions, unpack, unpackAlone } = await makePlan(request, watched, undefined)
  expect(asked).toEqual(['folder2 0', 'folder2/file2 undefined'])
  expect(await makePlan(request, slow, undefined)).toMatchObject({ actions, unpack, unpackAlone })
})

test('a quick reader reads nothing of an archive but what is asked for', async () => {
  const week = await twoDays()
  const { runner, recorded } = recordingRunner()
  const { quick, path } = readers(week, 'Tuesday', runner)
  expect((await entriesOf(quick)).length).toBeGreaterThan(40)
  expect(recorded).toEqual([])
  // What lies before the file is not there to be read.
  const bytes = readFileSync(path)
  const times = statSync(path)
  const damaged = Buffer.from(bytes)
  damaged.fill(0, 200_000, 800_000)
  writeFileSync(path, damaged)
  execFileSync('touch', ['-d', `@${times.mtimeMs / 1000}`, path])
  expect((await buffer(quick.read(Buffer.from('folder2/file2')))).toString()).toBe('changed')
})

test.each([
  [
    'there is no catalogue',
    (week: Week) => rmSync(join(week.disk, '.hdsync-catalogue'), { recursive: true }),
  ],
  [
    'the catalogue is torn',
    (week: Week) => truncateSync(join(week.disk, '.hdsync-catalogue', 'var.sqlite'), 5000),
  ],
  [
    'something else lies in its place',
    (week: Week) => {
      rmSync(join(week.disk, '.hdsync-catalogue', 'var.sqlite'))
      mkdirSync(join(week.disk, '.hdsync-catalogue', 'var.sqlite'))
    },
  ],
])('where %s, the archive itself is read', async (_, harm) => {
  const week = await twoDays()
  harm(week)
  const { quick, slow } = readers(week, 'Tuesday')
  expect(linesOf(await entriesOf(quick))).toEqual(linesOf(await entriesOf(slow)))
  expect((await buffer(quick.read(Buffer.from('folder2/file2')))).toString()).toBe('changed')
})

test('an archive that is kept is known by its own name', async () => {
  const week = await twoDays()
  mkdirSync(join(week.disk, 'kept', '2026-11-22'), { recursive: true })
  linkSync(join(week.disk, 'Monday', 'var.tar.zst'), join(week.disk, 'kept', '2026-11-22', 'var.tar.zst'))
  const { runner, recorded } = recordingRunner()
  const kept = pointsOn({ target: 'hdd9', path: week.disk, mirrors: [] }).find(({ kind }) => kind === 'kept')
  if (!kept) throw new Error('it is not found')
  const reader = readerOf(kept, runner)
  expect((await entriesOf(reader)).map(lineOf).sort()).toEqual(week.held[0])
  expect(recorded).toEqual([])
})

test('what is larger than the disk for its holes alone is restored all the same', async () => {
  const week = new Week()
  week.put('some/file', randomBytes(300_000))
  week.put('some/holes', 'begins')
  truncateSync(join(week.mirror, 'some/holes'), 10 * 1024 ** 4)
  await week.archive({ isHuge: true })
  const { runner } = recordingRunner()
  const point = pointsOn({ target: 'hdd9', path: week.disk, mirrors: [] })[0] as RestorePoint
  const root = join(week.folder, 'new')
  const wanted = { root, isNew: true, deletes: false, exclude: [], owners: 'keep' as const }
  const plan = await planRequest(
    { ...wanted, paths: [Buffer.from('some').toString('base64')] },
    point,
    undefined,
    runner,
  )
  expect(plan.room.sizeBytes).toBeGreaterThan(300_000)
  expect(plan.room.sizeBytes).toBeLessThan(400_000)
  const begun = beginRestore(plan, 'one', 1000)
  expect(await unpackRestore(begun, runner)).toEqual({ missing: [] })
  await placeRestore(begun, runner)
  expect(statSync(join(root, 'some/holes'))).toMatchObject({ size: 10 * 1024 ** 4 })
})
