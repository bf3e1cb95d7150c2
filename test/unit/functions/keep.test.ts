import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  archivePrune,
  archiveWeekly,
  catalogue,
  type DataOf,
  runWarned,
  sourceArchived,
  sourceFailed,
  sourceKept,
  sourceSynced,
} from '../../../events/index.ts'
import { planPruning } from '../../../runtime/backup/keep/keeping.ts'
import { tellsOfArchives } from '../../../runtime/backup/keep/points.ts'
import { keepRules } from '../../../runtime/backup/keep/tiers.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/backup/load-functions.ts'
import { type Config, parseConfig } from '../../../runtime/config/config.ts'
import type { Host } from '../../../runtime/host/host.ts'
import { Bench } from '../runtime/backup/bench.ts'
import { flip, open, prepare } from '../runtime/host/archive-plans.ts'
import { Box } from './box.ts'

const dayMs = 86_400_000
const { functions } = await loadRegistry({ ours: ownFunctions, users: '/nowhere' }, catalogue)
const definitions = Object.fromEntries(functions.map(({ name, definition }) => [name, definition]))

/** Nights of a small source, whose archives are written by the real archive writer. */
class Nights {
  readonly plan = prepare({ compression: 'none', level: undefined })
  readonly config: Config
  readonly archives: Host['archives']
  readonly bench: Bench
  readonly #box: Box
  #count = 0

  constructor(keep: string) {
    const { from, to } = this.plan
    this.config = parseConfig(
      `sources: { var: { path: /var, target: hdd1 } }
targets: { hdd1: { path: ${from.path} }, hdd9: { path: ${to.path} } }
archive: { target: hdd9, compression: none, ${keep} }`,
      'night.yaml',
    )
    const archives = open(this.plan)
    this.archives = archives
    const box = Object.assign(new Box(), { archives })
    this.#box = box
    this.bench = new Bench(definitions, {
      host: box,
      config: this.config,
      startedAt: () => this.bench.clock.now(),
    })
    this.bench.start()
  }

  /** A night on the next day, in which something has changed. @param days After how many days. */
  async next(days = 1): Promise<DataOf<typeof sourceKept> | undefined> {
    if (days > 1) this.bench.clock.set((days - 1) * dayMs)
    await this.bench.clock.advance(this.#count === 0 ? 3 * 3_600_000 : Math.min(days, 1) * dayMs)
    this.#count += 1
    writeFileSync(join(this.plan.from.path, 'var', 'sub', 'file'), `night ${this.#count}`)
    const runId = `run${this.#count}`
    this.open()
    await this.bench.emit(
      sourceSynced,
      { source: 'var', filesTransferred: 1, bytesTransferred: 1, filesDeleted: 0 },
      runId,
    )
    await this.bench.emit(archiveWeekly, { source: 'var' }, runId)
    await this.bench.idle()
    const [kept] = this.bench.bus.events({ runId, types: [sourceKept.type] })
    return kept?.data as DataOf<typeof sourceKept> | undefined
  }

  /** As if a run had opened its targets; it closes them at its end. */
  open(): void {
    for (const target of ['hdd1', 'hdd9']) this.#box.targetsOpen.add(target)
  }

  get kept(): string[] {
    try {
      return readdirSync(join(this.plan.to.path, 'kept')).sort()
    } catch {
      return []
    }
  }

  get weekdays(): string[] {
    return readdirSync(this.plan.to.path).filter((name) => name.endsWith('day'))
  }

  archivesIn(folder: string): string[] {
    return readdirSync(join(this.plan.to.path, folder))
  }

  eventsOf(type: { type: string }): unknown[] {
    return this.bench.bus.events({ types: [type.type] }).map(({ data }) => data)
  }
}

describe('night after night', () => {
  test('keeps the last archive of each week before it is replaced, and prunes by rename what is due', async () => {
    const nights = new Nights('keep: { weekly: 3, atLeast: 2 }')
    // A Thursday; Sunday is the fourth of January.
    for (let night = 1; night <= 10; night++) await nights.next()
    expect(nights.kept).toEqual([])
    const { ino } = statSync(join(nights.plan.to.path, 'Sunday', 'var.tar'))
    const eleventh = await nights.next()
    expect(nights.kept).toEqual(['2026-01-04'])
    expect(eleventh).toMatchObject({
      pruned: [],
      added: [expect.stringMatching(/kept\/2026-01-04\/var\.tar$/)],
    })
    expect(eleventh?.kept[0]).toMatchObject({
      state: 'good',
      at: expect.stringMatching(/^2026-01-04T/),
      keptFor: ['weekly'],
    })
    expect(statSync(join(nights.plan.to.path, 'kept/2026-01-04/var.tar')).ino).toBe(ino)
    for (let night = 12; night <= 18; night++) await nights.next()
    expect(nights.kept).toEqual(['2026-01-04', '2026-01-11'])
    // On Monday a new week begins: of three there are this one, the last, and the one before.
    const monday = await nights.next()
    expect(monday?.pruned.map((path) => basename(join(path, '..')))).toEqual(['2026-01-04'])
    expect(nights.kept).toEqual(['2026-01-11'])
    expect(nights.weekdays).toHaveLength(7)
    expect(nights.eventsOf(runWarned)).toEqual([])
    expect(nights.eventsOf(sourceFailed)).toEqual([])
  }, 60_000)

  test('of fewer days than seven empties the other folders, and of one run on a day makes one', async () => {
    const nights = new Nights('daily: 3')
    for (let night = 1; night <= 5; night++) await nights.next()
    const there = () => nights.weekdays.filter((weekday) => nights.archivesIn(weekday).length > 0).sort()
    expect(there()).toEqual(
      ['Friday', 'Monday', 'Sunday', 'Saturday'].filter((day) => day !== 'Friday').sort(),
    )
    await nights.next(0.1)
    expect(there()).toEqual(['Monday', 'Saturday', 'Sunday'])
    expect(nights.kept).toEqual([])
  }, 60_000)

  test('of more days than seven keeps the others', async () => {
    const nights = new Nights('daily: 9')
    for (let night = 1; night <= 11; night++) await nights.next()
    expect(nights.kept).toEqual(['2026-01-03', '2026-01-04'])
  }, 60_000)

  test('prunes nothing after a jump of the clock until two nights agree on the time', async () => {
    const nights = new Nights('keep: { weekly: 2, atLeast: 1 }')
    for (let night = 1; night <= 11; night++) await nights.next()
    expect(nights.kept).toEqual(['2026-01-04'])
    const jumped = await nights.next(365)
    expect(jumped).toMatchObject({ pruned: [], waits: expect.stringMatching(/^the clock may have jumped/) })
    expect(nights.kept).toContain('2026-01-04')
    expect((await nights.next())?.pruned).not.toEqual([])
  }, 60_000)

  test('does exactly what its plan has shown', async () => {
    const nights = new Nights('daily: 4, keep: { weekly: 1, atLeast: 1 }')
    const rules = keepRules(nights.config)
    if (!rules) throw new Error('there are no rules')
    for (let night = 1; night <= 9; night++) {
      await nights.next()
      // The night has done it: nothing is left. Then the rules become stricter.
      const told = nights.bench.bus.events({
        types: tellsOfArchives.map(({ type }) => type),
        newestFirst: true,
      })
      const planned = (daily: number) =>
        planPruning({ source: 'var', to: nights.plan.to, rules: { ...rules, daily } }, told, nights.archives)
      expect((await planned(4)).go).toEqual([])
      if (night < 9) continue
      const shown = (await planned(2)).go.map(({ path }) => path)
      Object.assign(nights.config.archive ?? {}, { daily: 2 })
      nights.open()
      await nights.bench.emit(archivePrune, { source: 'var' }, 'pruning')
      await nights.bench.idle()
      const [event] = nights.bench.bus.events({ runId: 'pruning', types: [sourceKept.type] })
      expect(event?.data).toMatchObject({ pruned: shown })
      expect(shown.length).toBeGreaterThan(0)
    }
  }, 60_000)
})

test('an archive that cannot be kept is not replaced, and the source has failed', async () => {
  const nights = new Nights('keep: { weekly: 3 }')
  for (let night = 1; night <= 10; night++) await nights.next()
  const sunday = join(nights.plan.to.path, 'Sunday', 'var.tar')
  const { ino, mtimeMs } = statSync(sunday)
  writeFileSync(join(nights.plan.to.path, 'kept'), 'in the way')
  await nights.next()
  await nights.bench.clock.advance(3_600_000)
  expect(statSync(sunday)).toMatchObject({ ino, mtimeMs })
  expect(nights.eventsOf(sourceFailed)).toEqual([
    expect.objectContaining({
      step: 'archive.weekly',
      reason: expect.stringContaining('is to be kept, and cannot'),
    }),
  ])
}, 60_000)

test('damage that is found in an archive marks all its names', async () => {
  const nights = new Nights('keep: { weekly: 3, atLeast: 1 }')
  for (let night = 1; night <= 11; night++) await nights.next()
  const [kept] = await nights.archives
    .standing(nights.plan.to, 'var')
    .then((all) => all.filter(({ folder }) => folder.startsWith('kept')))
  if (!kept) throw new Error('nothing is kept')
  flip(kept.path)
  // As what reads it would say; its size and inode are as they were.
  const { archiveDamaged } = await import('../../../events/index.ts')
  const [now] = await nights.archives
    .standing(nights.plan.to, 'var')
    .then((all) => all.filter(({ path }) => path === kept.path))
  await nights.bench.emit(
    archiveDamaged,
    { source: 'var', path: 'another name', file: now?.file ?? '', reason: 'flipped' },
    'check',
  )
  const next = await nights.next()
  expect(next?.kept[0]?.state).toBe('damaged')
  expect(nights.eventsOf(sourceArchived)).toHaveLength(12)
}, 60_000)
