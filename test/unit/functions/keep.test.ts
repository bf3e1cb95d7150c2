import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  archiveDamaged,
  archivePrune,
  archiveWeekly,
  catalogue,
  type DataOf,
  runWarned,
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
import { open, prepare } from '../runtime/host/archive-plans.ts'
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
  test('keeps the last archive of each week before it is replaced, and prunes what is due', async () => {
    const nights = new Nights('keep: { weekly: 2, atLeast: 2 }')
    await nights.next()
    const first = await nights.next(3)
    expect(first).toMatchObject({ added: [], pruned: [], kept: [] })
    const { ino } = statSync(join(nights.plan.to.path, 'Sunday', 'var.tar'))
    const second = await nights.next(7)
    expect(nights.kept).toEqual(['2026-01-04'])
    expect(second).toMatchObject({
      pruned: [],
      added: [expect.stringMatching(/kept\/2026-01-04\/var\.tar$/)],
    })
    expect(second?.kept[0]).toMatchObject({
      state: 'good',
      at: expect.stringMatching(/^2026-01-04T/),
      keptFor: expect.arrayContaining(['weekly']),
    })
    expect(statSync(join(nights.plan.to.path, 'kept/2026-01-04/var.tar')).ino).toBe(ino)
    // Seven days are kept in any case, and in none of these nights were there as many.
    Object.assign(nights.config.archive ?? {}, { daily: 1 })
    const third = await nights.next(7)
    expect(third?.pruned.map((path) => path.split('/').at(-2))).toEqual(['Thursday', '2026-01-04'])
    expect(nights.kept).toEqual(['2026-01-11'])
    expect(nights.eventsOf(runWarned)).toEqual([])
    expect(nights.eventsOf(sourceFailed)).toEqual([])
  })

  test('of fewer days than seven empties the other folders, and counts two runs of a day as one', async () => {
    const nights = new Nights('daily: 3')
    for (let night = 1; night <= 4; night++) await nights.next()
    const there = () => nights.weekdays.filter((weekday) => nights.archivesIn(weekday).length > 0).sort()
    expect(there()).toEqual(['Friday', 'Saturday', 'Sunday'])
    await nights.next(0.1)
    expect(there()).toEqual(['Friday', 'Saturday', 'Sunday'])
    expect(nights.kept).toEqual([])
  })

  test('of more days than seven keeps the others', async () => {
    const nights = new Nights('daily: 9')
    for (const days of [1, 1, 6]) await nights.next(days)
    expect(nights.kept).toEqual(['2026-01-01'])
  })

  test('prunes nothing after a jump of the clock until two nights agree on the time', async () => {
    const nights = new Nights('daily: 1, keep: { weekly: 2, atLeast: 1 }')
    for (const days of [1, 7, 1]) await nights.next(days)
    expect(nights.kept).toEqual(['2026-01-01'])
    const jumped = await nights.next(365)
    expect(jumped).toMatchObject({ pruned: [], waits: expect.stringMatching(/^the clock may have jumped/) })
    expect(nights.kept).toContain('2026-01-01')
    expect((await nights.next())?.pruned.map((path) => path.split('/').at(-2))).toContain('2026-01-01')
  })

  test('does exactly what its plan has shown', async () => {
    const nights = new Nights('daily: 4, keep: { weekly: 1, atLeast: 1 }')
    const rules = keepRules(nights.config)
    if (!rules) throw new Error('there are no rules')
    for (let night = 1; night <= 5; night++) await nights.next()
    const told = nights.bench.bus.events({
      types: tellsOfArchives.map(({ type }) => type),
      newestFirst: true,
    })
    const planned = (daily: number) =>
      planPruning({ source: 'var', to: nights.plan.to, rules: { ...rules, daily } }, told, nights.archives)
    // The night has done it: nothing is left. Then the rules become stricter.
    expect((await planned(4)).go).toEqual([])
    const shown = (await planned(2)).go.map(({ path }) => path)
    expect(shown.length).toBeGreaterThan(0)
    Object.assign(nights.config.archive ?? {}, { daily: 2 })
    nights.open()
    await nights.bench.emit(archivePrune, { source: 'var' }, 'pruning')
    await nights.bench.idle()
    const [event] = nights.bench.bus.events({ runId: 'pruning', types: [sourceKept.type] })
    expect(event?.data).toMatchObject({ pruned: shown })
  })
})

test('an archive that cannot be kept is not replaced, and the source has failed', async () => {
  const nights = new Nights('keep: { weekly: 3 }')
  await nights.next()
  const before = join(nights.plan.to.path, 'Thursday', 'var.tar')
  const { ino, mtimeMs } = statSync(before)
  writeFileSync(join(nights.plan.to.path, 'kept'), 'in the way')
  await nights.next(7)
  await nights.bench.clock.advance(3_600_000)
  expect(statSync(before)).toMatchObject({ ino, mtimeMs })
  expect(nights.eventsOf(sourceFailed)).toEqual([
    expect.objectContaining({
      step: 'archive.weekly',
      reason: expect.stringContaining('is to be kept, and cannot'),
    }),
  ])
})

test('damage that is found in an archive marks all its names', async () => {
  const nights = new Nights('keep: { weekly: 3, atLeast: 1 }')
  for (const days of [1, 7]) await nights.next(days)
  const all = await nights.archives.standing(nights.plan.to, 'var')
  const kept = all.find(({ folder }) => folder === 'kept/2026-01-01')
  const damage = {
    source: 'var',
    path: 'another name of it',
    file: kept?.file ?? '',
    reason: 'a bit has flipped',
  }
  await nights.bench.emit(archiveDamaged, damage, 'check')
  const next = await nights.next()
  expect(next?.kept).toMatchObject([{ path: kept?.path, state: 'damaged' }])
})
