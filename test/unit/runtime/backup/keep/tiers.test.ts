import { describe, expect, test } from 'vitest'
import { type KeepRules, keepRules, keptFor } from '../../../../../runtime/backup/keep/tiers.ts'
import { dateOf } from '../../../../../runtime/weekday.ts'
import { night } from './points.ts'

const none: KeepRules = { daily: 0, weekly: 0, monthly: 0, yearly: 0, atLeast: 1 }
const days = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => ({ at: night(from + n) }))

describe('keptFor()', () => {
  test.each<[string, { at: number }[], Partial<KeepRules>, string[]]>([
    ['nothing without rules', days(0, 6), {}, []],
    ['the newest days', days(0, 9), { daily: 3 }, ['2026-11-29', '2026-11-30', '2026-12-01']],
    [
      'the last day of each week, and the newest of this one',
      days(-14, 1),
      { weekly: 3 },
      ['2026-11-15', '2026-11-22', '2026-11-23'],
    ],
    ['the last day of each month', days(-40, 10), { monthly: 2 }, ['2026-11-30', '2026-12-02']],
    ['the last day of each year', days(-400, 0), { yearly: 2 }, ['2025-12-31', '2026-11-22']],
    [
      'no week without an archive',
      [...days(-100, -98), ...days(0, 0)],
      { weekly: 2 },
      ['2026-08-16', '2026-11-22'],
    ],
    [
      'the newer of two of one day',
      [{ at: night(0) }, { at: night(0) + 3_600_000 }],
      { daily: 9 },
      ['2026-11-22'],
    ],
    ['one for two reasons once', days(0, 0), { daily: 1, weekly: 1 }, ['2026-11-22']],
  ])('keeps %s', (_, archives, rules, dates) => {
    const kept = [...keptFor(archives, { ...none, ...rules }).keys()]
    expect(kept.map(({ at }) => dateOf(at)).sort()).toEqual(dates)
  })

  test('does not depend on what the clock says now, nor on the order in which archives are found', () => {
    const found = days(-60, 0)
    const rules = { ...none, weekly: 5, monthly: 3 }
    const dates = (archives: { at: number }[]) =>
      [...keptFor(archives, rules).keys()].map(({ at }) => at).sort()
    expect(dates(found.toReversed())).toEqual(dates(found))
  })

  test('night after night, keeps as many as the rules say, and no gap is longer than their period', () => {
    const rules = { ...none, daily: 7, weekly: 5, monthly: 12, yearly: 3 }
    let standing: { at: number }[] = []
    for (let day = 0; day < 1500; day++)
      standing = [...keptFor([...standing, { at: night(day) }], rules).keys()]
    const sorted = standing.map(({ at }) => at).sort((one, other) => other - one)
    expect(sorted.length).toBeGreaterThanOrEqual(7 + 3 + 10)
    expect(sorted.length).toBeLessThanOrEqual(7 + 5 + 12 + 3)
    expect(sorted[0]).toBe(night(1499))
    const gapDays = sorted.slice(1).map((at, n) => ((sorted[n] ?? 0) - at) / 86_400_000)
    expect(Math.max(...gapDays.slice(0, 6))).toBeLessThan(1.1)
    expect(Math.max(...gapDays.slice(0, 9))).toBeLessThan(7.1)
    expect(Math.max(...gapDays.slice(0, 18))).toBeLessThan(32)
  })
})

test('keepRules() knows none where the folders of the weekdays are all', () => {
  const archive = { target: 'hdd9', compression: 'zstd' as const }
  expect(keepRules({})).toBeUndefined()
  expect(keepRules({ archive })).toBeUndefined()
  expect(keepRules({ archive: { ...archive, daily: 14 } })).toMatchObject({
    daily: 14,
    weekly: 0,
    atLeast: 3,
  })
})
