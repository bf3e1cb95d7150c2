import { describe, expect, test } from 'vitest'
import { dueToBeKept } from '../../../../../runtime/backup/keep/due.ts'
import type { KeepPoint } from '../../../../../runtime/backup/keep/points.ts'
import { decidePruning } from '../../../../../runtime/backup/keep/pruning.ts'
import type { KeepRules } from '../../../../../runtime/backup/keep/tiers.ts'
import { keptPoint, night, nightsOn, weekdayPoint } from './points.ts'

const rules: KeepRules = { daily: 7, weekly: 2, monthly: 0, yearly: 0, atLeast: 1 }
const week = [1, 2, 3, 4, 5, 6, 7].map((days) => weekdayPoint(days))
const lastNights = { nights: nightsOn([5, 6, 7]) }

const gone = (points: readonly KeepPoint[], more: Partial<KeepRules> = {}, record = lastNights) =>
  decidePruning(points, record, { ...rules, ...more }).go.map(({ folder }) => folder)

describe('decidePruning()', () => {
  const kept = [0, -7, -14].map((days) => keptPoint(days))

  test('removes what nothing keeps, and no archive of a weekday', () => {
    const { stay, go, waits } = decidePruning([...week, ...kept], lastNights, rules)
    expect(go.map(({ folder }) => folder)).toEqual(['kept/2026-11-15', 'kept/2026-11-08'])
    expect(waits).toBeUndefined()
    expect(stay.find(({ point }) => point.folder === 'kept/2026-11-22')?.for).toEqual(['weekly'])
    expect(stay).toHaveLength(8)
  })

  test('empties the folders of weekdays where fewer days are wanted', () => {
    expect(gone(week, { daily: 3, weekly: 0 })).toEqual(['Monday', 'Tuesday', 'Wednesday', 'Thursday'])
  })

  test('never leaves fewer different good ones than `atLeast`, however old', () => {
    expect(gone([...week.slice(6), ...kept], { daily: 1, weekly: 0, atLeast: 3 })).toEqual([
      'kept/2026-11-08',
    ])
  })

  test('counts names of one file once', () => {
    const links = [0, -7].map((days) => keptPoint(days, { file: week[6]?.file ?? '' }))
    const old = keptPoint(-100)
    expect(gone([...week.slice(6), ...links, old], { daily: 1, weekly: 0, atLeast: 2 })).toEqual(
      links.map(({ folder }) => folder),
    )
  })

  test('does not count what is damaged, and lets it go when it would go anyway', () => {
    const damaged = keptPoint(0, { state: 'damaged' })
    // The week that has none but the damaged one keeps it; a good one of the week before takes its place in the count.
    expect(gone([...week, damaged, keptPoint(-7), keptPoint(-14)])).toEqual(['kept/2026-11-08'])
    expect(gone([...week, keptPoint(0), keptPoint(-7, { state: 'damaged' })])).toEqual(['kept/2026-11-15'])
  })

  test('removes nothing when no archive is known to be good', () => {
    const unknown = [...week, ...kept].map((point): KeepPoint => ({ ...point, state: 'unknown' }))
    const { go, waits } = decidePruning(unknown, lastNights, rules)
    expect(go).toEqual([])
    expect(waits).toBe('no archive of it is known to be good')
  })

  test('removes nothing after a jump of the clock until two good runs agree, and then counts as before', () => {
    const tonight = weekdayPoint(365)
    const all = [...week.filter(({ folder }) => folder !== tonight.folder), ...kept, tonight]
    const jumped = { nights: nightsOn([6, 7, 365]) }
    expect(gone(all, {}, jumped)).toEqual([])
    expect(decidePruning(all, jumped, rules).waits).toMatch(/^the clock may have jumped/)
    // A year ahead for good: one more week has an archive, so one less is kept of those before.
    const next = [...all, weekdayPoint(366)]
    expect(gone(next, {}, { nights: nightsOn([7, 365, 366]) })).toEqual(kept.map(({ folder }) => folder))
  })

  test('neither counts nor removes what a clock that was wrong has put into the future', () => {
    const future = keptPoint(365)
    expect(gone([...week, ...kept, future])).toEqual(['kept/2026-11-15', 'kept/2026-11-08'])
  })

  test('of any archives leaves `atLeast` different good ones, or all there are; and the newest of them', () => {
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      return seed % below
    }
    for (let round = 0; round < 300; round++) {
      const points = Array.from({ length: random(30) }, () => {
        const state = (['good', 'good', 'unknown', 'damaged'] as const)[random(4)] ?? 'good'
        return keptPoint(7 - random(500), { state, ...(random(3) === 0 && { file: `${random(4)}` }) })
      })
      const own = {
        daily: 1 + random(10),
        weekly: random(4),
        monthly: random(4),
        yearly: random(3),
        atLeast: 1 + random(5),
      }
      const { stay, go } = decidePruning(points, lastNights, own)
      const good = (some: readonly KeepPoint[]) =>
        new Set(some.filter(({ state }) => state === 'good').map(({ file }) => file)).size
      const left = stay.map(({ point }) => point)
      expect(left.length + go.length).toBe(points.length)
      expect(good(left)).toBeGreaterThanOrEqual(Math.min(own.atLeast, good(points)))
      const newest = points.filter(({ state }) => state === 'good').sort((one, other) => other.at - one.at)[0]
      if (newest) expect(left.map(({ at }) => at)).toContain(newest.at)
      // What is decided is decided: to decide again removes nothing more.
      expect(decidePruning(left, lastNights, own).go).toEqual([])
    }
  })
})

describe('dueToBeKept()', () => {
  const due = (points: readonly KeepPoint[], days: number, more: Partial<KeepRules> = {}) => {
    const replaced = weekdayPoint(days).folder
    return dueToBeKept(points, replaced, night(days), { ...rules, ...more }).map(({ folder, at }) => [
      folder,
      at,
    ])
  }
  const before = [0, 1, 2, 3, 4, 5, 6].map((days) => weekdayPoint(days))

  test('is Sunday’s archive, as the newest of its week', () => {
    expect(due(before, 7)).toEqual([['Sunday', night(0)]])
  })

  test('is none that a newer one of its week stands for', () => {
    expect(
      due(
        [1, 2, 3, 4, 5, 6, 7].map((days) => weekdayPoint(days)),
        8,
      ),
    ).toEqual([])
  })

  test('is the last of a week of which the rest is missing', () => {
    expect(due([weekdayPoint(-4)], 3)).toEqual([['Wednesday', night(-4)]])
  })

  test('is any that more than seven days are to be kept of', () => {
    expect(
      due(
        [1, 2, 3, 4, 5, 6, 7].map((days) => weekdayPoint(days)),
        8,
        { daily: 8, weekly: 0 },
      ),
    ).toEqual([['Monday', night(1)]])
  })

  test('is not what an earlier run of this night has made', () => {
    expect(due([...before.slice(1), weekdayPoint(7)], 7)).toEqual([])
  })

  test('is one of which nothing is known, but none that is damaged', () => {
    const [sunday, ...others] = before
    expect(due([weekdayPoint(0, { ...sunday, state: 'unknown' }), ...others], 7)).toHaveLength(1)
    expect(due([weekdayPoint(0, { ...sunday, state: 'damaged' }), ...others], 7)).toEqual([])
  })

  test('is each form that there is of it', () => {
    const other = weekdayPoint(0, { path: '/mnt/hdd9/Sunday/var.tar.gz', at: night(0) - 1 })
    expect(due([...before, other], 7)).toHaveLength(1)
  })
})
