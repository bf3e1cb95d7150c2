import { describe, expect, test } from 'vitest'
import type { DrillResult } from '../../../../../events/index.ts'
import { brokenLinks, differences } from '../../../../../runtime/backup/proof/drill-compare.ts'
import { decideDrill } from '../../../../../runtime/backup/proof/drill-due.ts'
import {
  type Drilled,
  drillJobs,
  pointProven,
  pointToDrill,
} from '../../../../../runtime/backup/proof/drill-history.ts'
import { chooseSample, seeded } from '../../../../../runtime/backup/proof/drill-sample.ts'
import type { Entry } from '../../../../../runtime/host/points/entry.ts'

const day = 86_400_000

function ended(source: string, at: number, more: Partial<DrillResult> = {}): Drilled {
  const result: DrillResult = {
    ...{
      source,
      state: 'proven',
      point: `${source}@latest`,
      path: `/disk/${source}`,
      whole: false,
      files: 1,
    },
    ...{ sizeBytes: 1, recorded: 1, canary: true, tookMs: 1, functions: [], error: null, differences: [] },
    ...more,
  }
  return { at, result }
}

const point = (path: string, at: number) => ({
  ...{ id: path, source: 'var', kind: 'weekday' as const, target: 'disk', path },
  at: new Date(at).toISOString(),
})

function file(path: string, more: Partial<Entry> = {}): Entry {
  const common = { type: 'file' as const, sizeBytes: 1, mtimeNs: 5n, mode: 0o644, uid: 1, gid: 2 }
  return { path: Buffer.from(path, 'latin1'), ...common, ...more }
}

async function* listed(entries: readonly Entry[]) {
  yield* entries
}

describe('drillJobs()', () => {
  const sources = ['var', 'home', 'www']

  test('restores a sample of each source, and whole the one whose turn it is', () => {
    const history = [
      ended('home', 30, { whole: true, state: 'failed' }),
      ended('www', 20, { whole: true }),
      ended('var', 10, { whole: true }),
    ]
    const whole = (rotates: boolean, known: Drilled[]) =>
      drillJobs({ sources, asked: {}, rotates, history: known }).flatMap((job) =>
        job.whole ? job.source : [],
      )
    expect(whole(true, [])).toEqual(['var'])
    // A drill that failed proves nothing.
    expect(whole(true, history)).toEqual(['home'])
    expect(whole(true, [ended('home', 40, { whole: true }), ...history])).toEqual(['var'])
    expect(whole(false, history)).toEqual([])
  })

  test('does what is asked for', () => {
    const jobs = (asked: { source?: string; whole?: boolean }) =>
      drillJobs({ sources, asked, rotates: true, history: [] })
    expect(jobs({ source: 'www' })).toEqual([{ source: 'www', whole: false }])
    expect(jobs({ source: 'www', whole: true })).toEqual([{ source: 'www', whole: true }])
    expect(jobs({ whole: true }).map(({ whole }) => whole)).toEqual([true, true, true])
  })
})

test('pointToDrill() takes what was proven longest ago, what never was first, the newest of those', () => {
  const points = [point('/old', 1), point('/new', 3), point('/mid', 2)]
  const proven = (path: string, at: number) => ended('var', at, { path })
  expect(pointToDrill(points, [])?.path).toBe('/new')
  expect(pointToDrill(points, [proven('/new', 10)])?.path).toBe('/mid')
  expect(
    pointToDrill(
      points,
      ['/old', '/mid', '/new'].map((path, n) => proven(path, 30 - n)),
    )?.path,
  ).toBe('/new')
  expect(pointToDrill([], [])).toBeUndefined()
})

test('pointProven() does not take a proof for that of what came to stand in the same place later', () => {
  const history = [ended('var', 10, { path: '/disk/Monday/var.tar.zst' })]
  expect(pointProven(history, point('/disk/Monday/var.tar.zst', 9))).toBe(10)
  expect(pointProven(history, point('/disk/Monday/var.tar.zst', 11))).toBeUndefined()
})

describe('decideDrill()', () => {
  const facts = { sources: ['var', 'home'], everyMs: 7 * day, now: 100 * day, toldAt: undefined }
  const both = (at: number, more?: Partial<DrillResult>) => [ended('var', at, more), ended('home', at, more)]
  const decide = (history: Drilled[], more: Partial<Parameters<typeof decideDrill>[0]> = {}) =>
    decideDrill({ ...facts, history, firstAskedAt: history.at(-1)?.at, ...more })

  test.each([
    ['none was ever made', [], true],
    ['one was made yesterday', both(99 * day), false],
    ['a week is nearly over: nights do not begin at the same second', both(93 * day + 3_600_000), true],
    ['one of the sources had none', [ended('var', 99 * day)], true],
    ['the last one failed, and the next is not due yet', both(99 * day, { state: 'failed' }), false],
  ])('when %s', (_, history, isDue) => expect(decide(history).isDue).toBe(isDue))

  test('tells once that none has gone well for twice as long as one is asked for', () => {
    const late = [...both(99 * day, { state: 'failed' }), ...both(80 * day)]
    expect(decide(late).overdue).toEqual({ lastProvenAt: 80 * day })
    expect(decide(late, { toldAt: 95 * day }).overdue).toBeUndefined()
    expect(decide(late, { toldAt: 70 * day }).overdue).toEqual({ lastProvenAt: 80 * day })
    expect(decide(both(90 * day)).overdue).toBeUndefined()
    expect(decide([]).overdue).toBeUndefined()
    expect(decide(both(80 * day, { state: 'failed' })).overdue).toEqual({ lastProvenAt: undefined })
  })
})

describe('chooseSample()', () => {
  const many = Array.from({ length: 5000 }, (_, n) => file(`folder/file${n}`))
  const rare = [
    file('acl'),
    file('second name', { hardLinkTo: Buffer.from('folder/file1') }),
    file('link', { type: 'symlink', linkTo: Buffer.from('x') }),
    file('folder/\xff'),
    file('large', { sizeBytes: 2 ** 30 }),
  ]
  const folders = [file('', { type: 'directory' }), file('folder', { type: 'directory' })]
  const choose = (seed: string, entries = [...folders, ...many, ...rare], size = 12) =>
    chooseSample(listed(entries), { size, random: seeded(seed), withAccessList: new Set(['acl']) })
  const names = (chosen: readonly Entry[]) => chosen.map(({ path }) => path.toString('latin1'))

  test('has one of each kind, however rare, and no folder', async () => {
    const chosen = names(await choose('one'))
    expect(chosen).toHaveLength(12)
    expect(chosen).toEqual(expect.arrayContaining(names(rare)))
    expect(new Set(chosen).size).toBe(12)
  })

  test('is the same for the same seed, and another one for another', async () => {
    expect(names(await choose('one'))).toEqual(names(await choose('one')))
    expect(names(await choose('one'))).not.toEqual(names(await choose('two')))
  })

  test('is everything where there is no more', async () => {
    expect(names(await choose('one', [...folders, ...rare], 50)).sort()).toEqual(names(rare).sort())
    expect(await choose('one', folders)).toEqual([])
  })

  test('gives each file the same chance', async () => {
    const entries = Array.from({ length: 10 }, (_, n) => file(`${n}`))
    const taken = new Map<string, number>()
    for (let n = 0; n < 1000; n += 1)
      for (const name of names(await choose(`seed ${n}`, entries, 2)))
        taken.set(name, (taken.get(name) ?? 0) + 1)
    for (let n = 0; n < 10; n += 1) expect(Math.abs((taken.get(`${n}`) ?? 0) - 200)).toBeLessThan(60)
  })
})

describe('differences()', () => {
  test.each([
    ['nothing was restored', undefined, 'f: it was not restored'],
    ['type', { type: 'fifo' as const }, 'f: it is a fifo, and was a file'],
    ['size', { sizeBytes: 2 }, 'f: its size is 2, and was 1'],
    ['mode', { mode: 0o4755 }, 'f: its mode is 4755, and was 644'],
    ['owner', { gid: 3 }, 'f: its owner is 1:3, and was 1:2'],
    [
      'time',
      { mtimeNs: 1_000_000_007n },
      'f: its time is 1970-01-01T00:00:01 and 7 ns, and was 1970-01-01T00:00:00 and 5 ns',
    ],
    ['contents', { sha256: 'b' }, 'f: its contents are not what was recorded'],
  ])('tells of %s', (_, other, words) => {
    const recorded = file('f', { sha256: 'a' })
    expect(differences(recorded, other && { ...recorded, ...other })).toEqual([words])
  })

  test('tells of nothing where all is alike, as far as it is recorded', () => {
    expect(differences(file('f'), file('f', { sha256: 'whatever' }))).toEqual([])
    // A medium that has whole seconds.
    expect(
      differences(file('f', { mtimeNs: 1_500_000_000n }), file('f', { mtimeNs: 1_000_000_000n })),
    ).toEqual([])
    const link = file('l', { type: 'symlink', linkTo: Buffer.from('x'), mode: 0o777 })
    expect(differences(link, { ...link, mode: 0 })).toEqual([])
  })

  test('brokenLinks() tells of names that were one file', () => {
    const recorded = [file('a'), file('b', { hardLinkTo: Buffer.from('a') })]
    expect(brokenLinks(recorded, () => '1')).toEqual([])
    expect(brokenLinks(recorded, (path) => path.toString())).toEqual([
      'b: it is not the same file as a any more',
    ])
    expect(brokenLinks(recorded.slice(1), () => undefined)).toEqual([])
  })
})
