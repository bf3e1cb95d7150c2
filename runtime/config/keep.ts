import * as z from 'zod'

/** How many archives of one kind are kept. */
export function kept(least: number, most: number) {
  const expected = `a whole number from ${least} to ${most}`
  return z.int({ error: expected }).min(least, expected).max(most, expected)
}

/** What is kept longer than some days. */
export const keep = z.strictObject({
  weekly: kept(0, 520).default(0).describe('The newest archive of each of so many weeks.'),
  monthly: kept(0, 240).default(0).describe('The newest archive of each of so many months.'),
  yearly: kept(0, 100).default(0).describe('The newest archive of each of so many years.'),
  atLeast: kept(1, 1000)
    .default(3)
    .describe('So many different good archives of a source stay, however old they are.'),
})
