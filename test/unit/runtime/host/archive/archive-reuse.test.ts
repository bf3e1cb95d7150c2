import { execFileSync } from 'node:child_process'
import {
  chownSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ArchivePlan, archivePath } from '../../../../../runtime/host/archive/archive-place.ts'
import type { EarlierArchive } from '../../../../../runtime/host/archive/earlier-archive.ts'
import { flip, open, prepare, sha256sum, sharesBlocks, write } from '../archive-plans.ts'
import { recordingRunner } from '../runner.ts'

describe('reuse()', () => {
  /** An archive of Wednesday's, and what is known of it. */
  async function prepared(options: Partial<ArchivePlan> = {}) {
    const plan = prepare(options)
    const archived = await write({ ...plan, weekday: 'Wednesday' })
    const earlier = { basis: '', ...archived, unchangedSince: '2026-01-07T01:00:00.000Z' }
    return { plan, earlier, path: archivePath(plan), folder: dirname(archivePath(plan)) }
  }
  const reuse = (plan: ArchivePlan, earlier: EarlierArchive[], runner = recordingRunner().runner) =>
    open(plan, runner).reuse(plan, earlier, () => {})

  test.each(['zstd', 'gzip', 'none'] as const)(
    'makes a link of an archive that is %s',
    async (compression) => {
      const { plan, earlier, path, folder } = await prepared({ compression })
      mkdirSync(folder)
      writeFileSync(path, 'last week')
      expect(await reuse(plan, [earlier])).toEqual({
        archive: { ...earlier, path, linkedFrom: earlier.path, file: expect.any(String) },
        damaged: [],
      })
      expect(readFileSync(path)).toEqual(readFileSync(earlier.path))
      expect(readdirSync(folder)).toEqual([basename(path)])
      expect(statSync(path).mode & 0o777).toBe(0o600)
      if (!sharesBlocks(folder)) expect(statSync(path).ino).toBe(statSync(earlier.path).ino)
    },
  )

  test('leaves what is in its place already where it is, under whatever name it is known', async () => {
    const { plan, earlier, path, folder } = await prepared()
    const first = await reuse(plan, [earlier])
    const { ino } = statSync(path)
    // By its other name, as a week later; then by its own, as in a second run of the day.
    const second = await reuse(plan, [earlier])
    if (!sharesBlocks(folder)) expect(statSync(path).ino).toBe(ino)
    expect(second.archive).toMatchObject({ path, linkedFrom: earlier.path })
    const { linkedFrom, ...own } = { linkedFrom: '', ...second.archive, ...earlier, path }
    const third = await reuse(plan, [{ ...own, file: second.archive?.file ?? '' }])
    expect(third.archive).not.toHaveProperty('linkedFrom')
    expect(third.archive).toMatchObject({ path, unchangedSince: earlier.unchangedSince })
    expect([first, second, third].map(({ damaged }) => damaged)).toEqual([[], [], []])
    expect(readdirSync(folder)).toEqual([basename(path)])
  })

  test('of a link keeps the others whole when one is replaced', async () => {
    const { plan, earlier, path } = await prepared()
    await reuse(plan, [earlier])
    const before = readFileSync(earlier.path)
    writeFileSync(join(plan.from.path, 'var', 'sub', 'file'), 'more content')
    await write(plan)
    expect(readFileSync(earlier.path)).toEqual(before)
    expect(sha256sum(path)).not.toBe(earlier.sha256)
  })

  test('removes the other form of last week’s, as writing does', async () => {
    const { plan, earlier, folder } = await prepared()
    mkdirSync(folder)
    writeFileSync(join(folder, 'var.tar.gz'), 'last week')
    await reuse(plan, [earlier])
    expect(readdirSync(folder)).toEqual(['var.tar.zst'])
  })

  test.each<[string, (path: string) => void, RegExp]>([
    ['has another bit', keepingItsTime(flip), /does not read back as it was written$/],
    [
      'has lost its end',
      keepingItsTime((path) => truncateSync(path, statSync(path).size - 1)),
      /it has \d+ of \d+ bytes$/,
    ],
  ])('takes none that %s, and says so', async (_, damage, said) => {
    const { plan, earlier, path, folder } = await prepared()
    mkdirSync(folder)
    writeFileSync(path, 'last week')
    damage(earlier.path)
    const { archive, damaged } = await reuse(plan, [earlier])
    expect(archive).toBeUndefined()
    expect(damaged).toEqual([expect.stringMatching(said)])
    expect(damaged[0]).toMatch(/^the archive \S+Wednesday\/var\.tar\.zst is damaged: /)
    expect(readFileSync(path, 'utf8')).toBe('last week')
    expect(readdirSync(folder)).toEqual(['var.tar.zst'])
  })

  test('reads one that is damaged once, under however many names it is known', async () => {
    const { plan, earlier } = await prepared()
    const tuesday = archivePath({ ...plan, weekday: 'Tuesday' })
    mkdirSync(dirname(tuesday))
    linkSync(earlier.path, tuesday)
    keepingItsTime(flip)(tuesday)
    const { runner, recorded } = recordingRunner()
    const { damaged } = await reuse(plan, [earlier, { ...earlier, path: tuesday }], runner)
    expect(damaged).toHaveLength(1)
    expect(recorded.map(({ argv }) => argv[0])).toEqual(['dd'])
  })

  test('takes an older one where the newest is damaged', async () => {
    const { plan, earlier } = await prepared()
    const older = { ...(await write({ ...plan, weekday: 'Monday' })), basis: earlier.basis }
    keepingItsTime(flip)(earlier.path)
    const result = await reuse(plan, [earlier, { ...older, unchangedSince: '2026-01-05T01:00:00.000Z' }])
    expect(result).toMatchObject({ archive: { linkedFrom: older.path }, damaged: [expect.anything()] })
  })

  test.each<[string, (earlier: EarlierArchive, plan: ArchivePlan) => void]>([
    ['is gone', ({ path }) => rmSync(path)],
    ['was replaced by somebody', ({ path }) => writeFileSync(path, 'their own')],
    [
      'lies on another disk now, where that has something else of this name',
      ({ path }) => {
        cpSync(path, `${path}.new`)
        renameSync(`${path}.new`, path)
      },
    ],
    ['is a link to somewhere', ({ path }) => renameAndLink(path)],
    ['is no archive of this source and target', (earlier) => copyTo(earlier, '/tmp')],
    ['has another form', (_, plan) => Object.assign(plan, { compression: 'gzip' })],
    ['was made in another way', (_, plan) => Object.assign(plan, { level: 19 })],
    ['is of another mirror', (_, { from }) => swap(join(from.path, 'var'))],
    ['is of a mirror to which a copy was begun', (_, { from }) => touchOwner(join(from.path, 'var'))],
  ])('takes none that %s, and finds nothing wrong with that', async (_, happens) => {
    const { plan, earlier } = await prepared()
    happens(earlier, plan)
    expect(await reuse(plan, [earlier])).toEqual({ damaged: [] })
    expect(existsSync(archivePath(plan))).toBe(false)
  })

  test('is stopped while it reads', async () => {
    const { plan, earlier, folder } = await prepared()
    const stop = new AbortController()
    const reading = open(plan, undefined, stop.signal).reuse(plan, [earlier], () =>
      stop.abort(new Error('stopped')),
    )
    await expect(reading).rejects.toThrow('stopped')
    expect(readdirSync(folder)).toEqual([])
  })
})

/** As a disk does it, behind the back of the file system. */
function keepingItsTime(damage: (path: string) => void): (path: string) => void {
  return (path) => {
    execFileSync('touch', ['-r', path, `${path}.time`])
    damage(path)
    execFileSync('touch', ['-r', `${path}.time`, path])
    rmSync(`${path}.time`)
  }
}

function renameAndLink(path: string): void {
  renameSync(path, `${path}.away`)
  symlinkSync(`${path}.away`, path)
}

function copyTo(earlier: { path: string }, folder: string): void {
  earlier.path = join(folder, 'var.tar.zst')
}

/** Another disk with the same on it, taking turns. */
function swap(mirror: string): void {
  cpSync(mirror, `${mirror}.new`, { recursive: true, preserveTimestamps: true })
  renameSync(mirror, `${mirror}.away`)
  renameSync(`${mirror}.new`, mirror)
}

function touchOwner(path: string): void {
  const { uid, gid } = statSync(path)
  chownSync(path, uid, gid)
}
