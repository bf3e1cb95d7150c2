import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { archiveOf, makeLoopback, noSsh, sendWhole } from './loopback.ts'

const copies = ({ vault }: { vault: string }, source = 'home') =>
  readdirSync(join(vault, 'web1/accepted', source)).map((name) => join(vault, 'web1/accepted', source, name))

test.skipIf(noSsh)(
  'a first copy, an unchanged night, and a night with changes reach the vault over ssh',
  async () => {
    const there = await makeLoopback()
    const old = randomBytes(8_000_000)
    const first = archiveOf(there.folder, old)
    const one = await sendWhole(there, first)
    expect(one.offered).toMatchObject({ has: false, laidBytes: 0 })
    expect(one.proved).toMatchObject({ ...first.archive, damaged: false })
    expect(copies(there).map((file) => readFileSync(file).equals(old))).toEqual([true])

    const again = { ...first, archive: { ...first.archive, at: '2026-11-23T02:00:00.000Z' } }
    const two = await sendWhole(there, again)
    expect(two.offered.has).toBe(true)
    expect(two.sentBytes).toBe(0)
    expect(copies(there)).toHaveLength(2)

    const news = Buffer.concat([old.subarray(0, 1_000_000), randomBytes(1000), old.subarray(1_000_000)])
    const changed = archiveOf(there.folder, news, { at: '2026-11-24T02:00:00.000Z' })
    const three = await sendWhole(there, changed)
    expect(three.offered).toMatchObject({ has: false, laidBytes: old.length })
    expect(three.sentBytes).toBeLessThan(100_000)
    const standing = copies(there).sort()
    expect(standing.map((file) => readFileSync(file).equals(old))).toEqual([true, true, false])
    expect(readFileSync(standing[2] ?? '').equals(news)).toBe(true)

    const { answer } = await there.ask({ v: 1, do: 'status' })
    expect(answer).toMatchObject({
      host: 'web1',
      usedBytes: old.length + news.length,
      quotaBytes: null,
      mayGet: false,
    })
    expect(answer.copies.map(({ at }: { at: string }) => at.slice(0, 10))).toEqual([
      '2026-11-22',
      '2026-11-23',
      '2026-11-24',
    ])
  },
)
