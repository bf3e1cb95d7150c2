import { expect, test } from 'vitest'
import { clockAgrees } from '../../../../../runtime/backup/keep/clock.ts'

const day = 86_400_000

test.each<[string, number[], boolean]>([
  ['does not hold for a first run', [0], false],
  ['holds for two nights', [0, 1], true],
  ['does not hold for two runs of one night', [0, 0.1], false],
  ['does not hold for the first run after a jump ahead', [0, 1, 366], false],
  ['nor for another one in the same hour', [0, 1, 366, 366.01], false],
  ['holds again after a second night', [0, 1, 366, 367], true],
  ['does not hold for the first run after a jump back', [366, 367, 2], false],
  ['holds again once two nights have agreed', [366, 367, 2, 3], true],
  ['holds for a run a week', [0, 7, 14], true],
  ['holds for a run a month', [0, 30, 61], true],
  ['does not hold after a fortnight without a run, of a machine that had one a night', [0, 1, 15], false],
  ['does not hold for a second jump right after the first', [0, 365, 730], false],
])('clockAgrees() %s', (_, days, agrees) => {
  const nights = days.toReversed().map((at) => ({ provenAt: at * day }))
  expect(clockAgrees(nights)).toBe(agrees)
})
