import { expect, test } from 'vitest'
import { forecastRoom } from '../../../../../runtime/backup/status/room.ts'

const day = 86_400_000
/** One sample a night: so much was free. */
const nights = (free: (night: number) => number, count: number) =>
  Array.from({ length: count }, (_, night) => ({ at: night * day, freeBytes: free(night) }))

test.each<[string, ReturnType<typeof nights>, ReturnType<typeof forecastRoom>]>([
  ['nothing without a night', [], undefined],
  [
    'nothing in the first week, in which each weekday gets its archive',
    nights((n) => 100 - n * 10, 8),
    undefined,
  ],
  ['nothing from two nights', nights((n) => 1000 - n * 10, 10), undefined],
  [
    'when the disk is full at the pace of the last nights',
    nights((n) => 1000 - n * 10, 21),
    { perDayBytes: 10, daysLeft: 80 },
  ],
  [
    'only the last fortnight',
    nights((n) => (n < 20 ? 1000 : 1000 - (n - 20) * 10), 36),
    { perDayBytes: 10, daysLeft: 85 },
  ],
  ['no end where nothing grows', nights(() => 500, 21), { perDayBytes: 0, daysLeft: undefined }],
  ['none where room is given back', nights((n) => 500 + n, 21), { perDayBytes: -1, daysLeft: undefined }],
])('forecastRoom() tells %s', (_, samples, forecast) => {
  expect(forecastRoom(samples)).toEqual(forecast)
})
