import { expect, test } from 'vitest'
import { type NextNightFacts, nextNight } from '../../../../../runtime/backup/keep/next-night.ts'
import type { KeepRules } from '../../../../../runtime/backup/keep/tiers.ts'
import { keptPoint, night, nightsOn, weekdayPoint } from './points.ts'

const rules: KeepRules = { daily: 7, weekly: 2, monthly: 0, yearly: 0, atLeast: 1 }
/** From Monday to Sunday: the next night is that of a Monday. */
const week = [1, 2, 3, 4, 5, 6, 7].map((days) => weekdayPoint(days))
const record = { nights: nightsOn([5, 6, 7]) }

function seen(facts: Partial<NextNightFacts>) {
  const { waits, ...lists } = nextNight({ points: week, record, rules, at: night(8), ...facts })
  const folders = Object.entries(lists).map(([name, points]) => [name, points.map(({ folder }) => folder)])
  return { ...Object.fromEntries(folders), ...(waits && { waits }) }
}

test('takes the archive of the same weekday, where nothing keeps it', () => {
  expect(seen({})).toEqual({ replaced: ['Monday'], kept: [], pruned: [] })
  expect(seen({ rules: undefined })).toEqual({ replaced: ['Monday'], kept: [], pruned: [] })
})

test('keeps it where it is the newest of a week, and prunes what that pushes out', () => {
  const kept = [-7, -14].map((days) => keptPoint(days))
  const points = [...week.slice(0, 6), weekdayPoint(0), ...kept]
  // The night of a Sunday, whose last archive is from the week before.
  const nights = nightsOn([4, 5, 6])
  expect(seen({ points, at: night(7), record: { nights } })).toEqual({
    replaced: [],
    kept: ['Sunday'],
    pruned: ['kept/2026-11-15', 'kept/2026-11-08'],
  })
})

test('takes nothing that has a second name of the same night', () => {
  const again = keptPoint(1, { file: week[0]?.file ?? '' })
  expect(seen({ points: [...week, again], rules: { ...rules, daily: 7, weekly: 4 } })).toMatchObject({
    replaced: [],
  })
})

test('prunes nothing while an unusual copy is open, or too few good archives are there', () => {
  const kept = [-7, -14, -21].map((days) => keptPoint(days))
  const points = [...week, ...kept]
  expect(seen({ points, unusualAt: night(6) })).toEqual({ replaced: [], kept: ['Monday'], pruned: [] })
  expect(seen({ points, record: { nights: [] } })).toMatchObject({
    pruned: [],
    waits: expect.stringContaining('two good runs have to agree'),
  })
})
