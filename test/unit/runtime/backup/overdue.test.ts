import { describe, expect, test } from 'vitest'
import { decideOverdue, type SourceRecord } from '../../../../runtime/backup/overdue.ts'

const hour = 3_600_000
const record = (fields: Partial<SourceRecord>): SourceRecord => ({
  source: 'var',
  firstSeenAt: 0,
  lastSuccessAt: undefined,
  toldAt: undefined,
  ...fields,
})

/** The names of what is overdue at a moment, and when to look again. */
function decide(now: number, ...records: SourceRecord[]) {
  const { overdue, nextAt } = decideOverdue(records, 36 * hour, now)
  return [overdue.map(({ source }) => source), nextAt]
}

describe('decideOverdue()', () => {
  test('counts from the last success', () => {
    const var1 = record({ lastSuccessAt: 10 * hour })
    expect(decide(46 * hour - 1, var1)).toEqual([[], 46 * hour])
    expect(decide(46 * hour, var1)).toEqual([['var'], undefined])
  })

  test('counts from when a source was first seen if it never succeeded', () => {
    expect(decide(0, record({ firstSeenAt: 5 * hour }))).toEqual([[], 41 * hour])
    expect(decide(50 * hour, record({ firstSeenAt: 5 * hour }))).toEqual([['var'], undefined])
  })

  test('tells once, and again only after another success', () => {
    const told = record({ lastSuccessAt: 10 * hour, toldAt: 46 * hour })
    expect(decide(1000 * hour, told)).toEqual([[], undefined])
    const again = { ...told, lastSuccessAt: 50 * hour }
    expect(decide(60 * hour, again)).toEqual([[], 86 * hour])
    expect(decide(86 * hour, again)).toEqual([['var'], undefined])
  })

  test('tells of each source by itself, and when the next one is due', () => {
    const home = record({ source: 'home', lastSuccessAt: 20 * hour })
    const usr = record({ source: 'usr', lastSuccessAt: 15 * hour })
    expect(decide(40 * hour, record({}), home, usr)).toEqual([['var'], 51 * hour])
    expect(decide(40 * hour)).toEqual([[], undefined])
  })
})
