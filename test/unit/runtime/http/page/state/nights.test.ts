import { expect, test } from 'vitest'
import type { RunRow } from '../../../../../../runtime/core/bus/journal.ts'
import { endedSince } from '../../../../../../runtime/http/page/state/nights.ts'

/** So many runs, one each hour before hour 1000, and how many are read at a time. */
function journalOf(count: number) {
  const rows = Array.from(
    { length: count },
    (_, n) => ({ id: `r${n}`, startedAt: 1000 - n, end: {} }) as RunRow,
  )
  const read: number[] = []
  const runs = (limit: number) => {
    read.push(limit)
    return rows.slice(0, limit)
  }
  return { runs, read }
}

test.each([
  { count: 500, since: 970, found: 31, read: [40] },
  { count: 40, since: 1, found: 40, read: [40, 400] },
  { count: 39, since: 1, found: 39, read: [40] },
  { count: 500, since: 900, found: 101, read: [40, 400] },
])('of $count runs those since a moment are read, of more only where it needs them', (one) => {
  const journal = journalOf(one.count)
  expect(endedSince(journal, one.since)).toHaveLength(one.found)
  expect(journal.read).toEqual(one.read)
})
