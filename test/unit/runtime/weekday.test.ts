import { expect, test } from 'vitest'
import { weekdayOf, weekdays } from '../../../runtime/weekday.ts'

test('the days of a week are told by the clock of the machine', () => {
  const monday = new Date(2026, 10, 23, 0, 0, 1)
  const days = weekdays.map((_, n) => weekdayOf(new Date(monday).setDate(monday.getDate() + n)))
  expect(days).toEqual([...weekdays])
  expect(weekdayOf(monday.getTime() - 2000)).toBe('Sunday')
})
