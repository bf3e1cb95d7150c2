import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { admit, noteSent } from '../../../../../runtime/backup/vault/admit.ts'
import { decideExpiry } from '../../../../../runtime/backup/vault/expire.ts'
import { oddities } from '../../../../../runtime/backup/vault/odd.ts'
import { release } from '../../../../../runtime/backup/vault/release.ts'
import { vaultSchema } from '../../../../../runtime/config/vault.ts'
import type { Arrival, HostRecord } from '../../../../../runtime/host/vault/record.ts'
import { offeredArchive } from '../../../../../runtime/vault-protocol.ts'
import { archiveOf, dayMs, vaultInProcess } from './in-process.ts'

// What somebody who has the key of a host, and nothing else, can make its vault do.

const keep = { daily: 7, weekly: 5, monthly: 12, yearly: 3, atLeast: 5 }
const hourMs = 3_600_000
const begin = Date.parse('2026-03-02T02:00:00')

/** A source of a vault: what arrives, and what expires with it. */
function source(rules: Partial<typeof keep> = {}) {
  const settings = vaultSchema.parse({ path: '/v', hosts: { web1: { keep: { ...keep, ...rules } } } })
  const record: HostRecord = { copies: [], odd: [], arrivals: [], expired: new Set() }
  return {
    record,
    arrives(ms: number, sha256: string, about: Partial<Arrival> = {}) {
      const provedAt = new Date(ms).toISOString()
      const file = `home/${record.arrivals.length}`
      const copy = {
        ...{ source: 'home', at: provedAt, form: 'tar.zst' as const, sizeBytes: 1000, sha256, provedAt },
        ...{ readAt: provedAt, damaged: false, file, newBytes: 50, isReleased: false, ...about },
      }
      const reasons = oddities(copy, record.arrivals)
      if (reasons.length > 0) record.odd.push({ source: 'home', at: provedAt, reasons })
      record.copies.push(copy)
      record.arrivals.push(copy)
      const { go } = decideExpiry(record, 'home', settings.hosts.web1?.keep ?? keep)
      record.copies = record.copies.filter((one) => !go.includes(one))
      return reasons
    },
    release() {
      record.odd = []
      for (const one of record.arrivals) one.isReleased = true
    },
    left: () => new Set(record.copies.map(({ sha256 }) => sha256)),
  }
}

/** The nights that would stay if nothing but them had come. */
function keptAlone(days: number): string[] {
  const alone = source()
  for (let day = 0; day < days; day += 1) alone.arrives(begin + day * dayMs, `real ${day}`)
  return [...alone.left()]
}

test('garbage before and after each real night is odd at once, and no night goes until somebody releases', () => {
  const vault = source()
  for (let day = 0; day < 60; day += 1) vault.arrives(begin + day * dayMs, `real ${day}`)
  for (let day = 60; day < 120; day += 1) {
    const at = begin + day * dayMs
    vault.arrives(at - 1.9 * hourMs, `first ${day}`)
    vault.arrives(at, `real ${day}`)
    vault.arrives(at + 21 * hourMs, `last ${day}`)
    if (day === 60) expect(vault.record.odd[0]?.reasons).toEqual([expect.stringContaining('3 different')])
  }
  expect([...vault.left()]).toEqual(expect.arrayContaining(keptAlone(120)))
  for (let day = 61; day < 120; day += 1) expect(vault.left()).toContain(`real ${day}`)
  const before = vault.left().size
  vault.release()
  expect(vault.arrives(begin + 120 * dayMs, 'real 120')).toEqual([])
  expect(vault.left().size).toBeLessThan(before)
})

test.each([
  ['before', -1.9],
  ['after', 21],
])('garbage %s each real night takes the place of none, by the week and the month too', (_when, hours) => {
  const vault = source()
  for (let day = 0; day < 120; day += 1) {
    const at = begin + day * dayMs
    if (hours < 0) vault.arrives(at + hours * hourMs, `garbage ${day}`)
    vault.arrives(at, `real ${day}`)
    if (hours > 0) vault.arrives(at + hours * hourMs, `garbage ${day}`)
  }
  expect(vault.record.odd).toEqual([])
  expect([...vault.left()]).toEqual(expect.arrayContaining(keptAlone(120)))
})

test('a further name of old bytes takes the place of nothing, on however many days', () => {
  const vault = source({ daily: 3, weekly: 0, monthly: 0, yearly: 0, atLeast: 2 })
  for (let day = 0; day < 30; day += 1) {
    const at = begin + day * dayMs
    if (day > 5) vault.arrives(at - 1.9 * hourMs, 'real 5', { newBytes: 0 })
    // The host itself is off at weekends.
    if (day % 7 < 5) vault.arrives(at, `real ${day}`)
    if (day > 5) vault.arrives(at + 21 * hourMs, 'real 5', { newBytes: 0 })
    if (day === 20)
      expect([...vault.left()]).toEqual(expect.arrayContaining(['real 16', 'real 17', 'real 18']))
  }
  expect([...vault.left()]).toEqual(expect.arrayContaining(['real 24', 'real 25', 'real 28'].slice(1)))
})

test('a source that goes back to old bytes keeps them as the newest night', () => {
  const vault = source({ daily: 2, weekly: 0, monthly: 0, yearly: 0, atLeast: 1 })
  for (let day = 0; day < 10; day += 1) vault.arrives(begin + day * dayMs, `real ${day}`)
  vault.arrives(begin + 9 * dayMs + hourMs, 'real 8', { newBytes: 0 })
  for (let day = 10; day < 12; day += 1) vault.arrives(begin + day * dayMs, 'real 9', { newBytes: 0 })
  expect(vault.left()).toContain('real 9')
  expect(vault.record.copies.at(-1)?.sha256).toBe('real 9')
})

test('nights that are caught up with after an outage are not odd, and stay as nights do', () => {
  const vault = source()
  for (let day = 0; day < 20; day += 1) vault.arrives(begin + day * dayMs, `real ${day}`)
  const back = begin + 27 * dayMs
  // The newest first, past midnight.
  for (let n = 0; n < 8; n += 1)
    expect(vault.arrives(back + 20 * hourMs + n * hourMs, `real ${27 - n}`)).toEqual([])
  expect(vault.arrives(back + dayMs + 8 * hourMs, 'real 28')).toEqual([])
  for (let day = 20; day <= 28; day += 1) expect(vault.left()).toContain(`real ${day}`)
  const next = back + 3 * dayMs
  for (const n of [1, 2]) expect(vault.arrives(next + n * hourMs, `more ${n}`)).toEqual([])
  expect(vault.arrives(next + 3 * hourMs, 'more 3')).not.toEqual([])
})

test('a source that comes once a week, and suddenly each day, is odd before a week goes', () => {
  const vault = source()
  for (let week = 0; week < 10; week += 1) vault.arrives(begin + week * 7 * dayMs, `real ${week}`)
  for (let day = 64; day < 100; day += 1) vault.arrives(begin + day * dayMs, `garbage ${day}`)
  expect(vault.record.odd.length).toBeGreaterThan(0)
  for (let week = 4; week < 10; week += 1) expect(vault.left()).toContain(`real ${week}`)
})

test('what is usual is not taught slowly', () => {
  const small = source()
  const found: string[] = []
  for (let day = 0; day < 40; day += 1)
    found.push(...small.arrives(begin + day * dayMs, `${day}`, { sizeBytes: Math.round(1e6 * 0.9 ** day) }))
  expect(found[0]).toContain('711.9 KiB is usual')
  const fresh = source()
  const shares = Array.from({ length: 60 }, (_, day) =>
    fresh.arrives(begin + day * dayMs, `${day}`, { newBytes: Math.min(1000, 50 + 25 * day) }),
  )
  expect(shares.findIndex((reasons) => reasons.length > 0)).toBeLessThan(25)
  const always = source()
  for (let day = 0; day < 9; day += 1)
    expect(always.arrives(begin + day * dayMs, `${day}`, { newBytes: 1000 })).toEqual([])
})

test('old bytes that are proved again around each night delete no night', async () => {
  const rules = { daily: 3, weekly: 0, monthly: 0, yearly: 0, atLeast: 2 }
  const vault = vaultInProcess({ web1: { keep: rules } })
  const real: string[] = []
  const night = async () => real.push((await vault.send(randomBytes(1000), {}, 50)).proved.sha256)
  let old = archiveOf(randomBytes(1))
  for (let day = 0; day < 4; day += 1) {
    const bytes = randomBytes(1000)
    old = archiveOf(bytes, { at: new Date(vault.clock.now).toISOString() })
    await vault.send(bytes, {}, 50)
    vault.clock.now += dayMs
  }
  for (let day = 0; day < 5; day += 1) {
    for (const hours of [-1.9, 0, 20]) {
      const middle = vault.clock.now
      vault.clock.now += hours * hourMs
      const at = new Date(vault.clock.now).toISOString()
      if (hours === 0) await night()
      else expect((await vault.ask({ do: 'prove', archive: { ...old, at } })).ok).toBe(true)
      vault.clock.now = middle
    }
    vault.clock.now += dayMs
  }
  const left = new Set((await vault.copies()).map(({ sha256 }) => sha256))
  for (const sha256 of real.slice(-3)) expect(left).toContain(sha256)
})

test('a day takes so many copies of a source, and one night of the same bytes is one, however it is written', async () => {
  const vault = vaultInProcess()
  const bytes = randomBytes(1000)
  const archive = archiveOf(bytes, { at: '2026-11-01T02:00:00.123Z' })
  await vault.send(bytes, archive)
  const again = offeredArchive.parse({ ...archive, at: '2026-11-01T02:00:00.1230000Z' })
  expect((await vault.ask({ do: 'prove', archive: again })).proved.at).toBe(archive.at)
  expect(await vault.copies()).toHaveLength(1)
  const long = { ...archive, at: `2026-11-01T02:00:00.${'1'.repeat(60)}Z` }
  expect(offeredArchive.safeParse(long).success).toBe(false)
  const night = (n: number) => new Date(Date.parse(archive.at) - n * dayMs).toISOString()
  for (let n = 1; n < 40; n += 1)
    expect((await vault.ask({ do: 'prove', archive: { ...archive, at: night(n) } })).ok).toBe(true)
  const refused = await vault.ask({ do: 'prove', archive: { ...archive, at: night(40) } })
  expect(refused).toMatchObject({
    ok: false,
    isFinal: false,
    error: expect.stringContaining('40 copies of home'),
  })
  expect((await vault.send(randomBytes(10), { source: 'var' })).ok).toBe(true)
})

test('garbage on the days on which a host never sends is odd in the second week at the latest', () => {
  const vault = source({ daily: 7, weekly: 2, monthly: 0, yearly: 0 })
  const workday = (day: number) => day % 7 < 5
  for (let day = 0; day < 42; day += 1)
    if (workday(day)) expect(vault.arrives(begin + day * dayMs, `real ${day}`)).toEqual([])
  // One more day than usual is somebody who has run it by hand.
  expect(vault.arrives(begin + 40 * dayMs, 'by hand')).toEqual([])
  for (let day = 42; day < 70; day += 1)
    vault.arrives(begin + day * dayMs, `${workday(day) ? 'real' : 'garbage'} ${day}`)
  expect(vault.record.odd[0]).toMatchObject({
    at: new Date(begin + 48 * dayMs).toISOString(),
    reasons: [expect.stringContaining('on 7 of 7 days, where 5 are usual')],
  })
  for (let day = 46; day < 70; day += 1) if (workday(day)) expect(vault.left()).toContain(`real ${day}`)
})

test('a share of new bytes that is not known is odd where it is usual to know it', () => {
  const vault = source()
  expect(vault.arrives(begin, 'first', { newBytes: null })).toEqual([])
  for (let day = 1; day < 6; day += 1) expect(vault.arrives(begin + day * dayMs, `real ${day}`)).toEqual([])
  const [reason] = vault.arrives(begin + 6 * dayMs, 'cut off', { newBytes: null })
  expect(reason).toBe('how much of it is new is not known, where 5 % is usual')
})

test('what has come under a name is counted, however it is offered again', async () => {
  const vault = vaultInProcess()
  for (let day = 0; day < 5; day += 1) {
    await vault.send(randomBytes(1000), {}, 50)
    vault.clock.now += dayMs
  }
  const bytes = randomBytes(1000)
  const archive = archiveOf(bytes)
  const { name } = await vault.ask({ do: 'offer', archive })
  await admit('web1', name, vault.tools)
  writeFileSync(vault.incoming(name), bytes.subarray(0, 990))
  // The connection is cut; it is offered with another size, and then as before.
  await noteSent('web1', { name, newBytes: 990 }, vault.tools)
  await vault.ask({ do: 'offer', archive: { ...archive, sizeBytes: 999 } })
  await vault.ask({ do: 'offer', archive })
  await admit('web1', name, vault.tools)
  writeFileSync(vault.incoming(name), bytes)
  await noteSent('web1', { name, newBytes: 10 }, vault.tools)
  expect((await vault.ask({ do: 'prove', archive })).ok).toBe(true)
  expect(vault.events.at(-1)).toMatchObject({ data: { reasons: ['100 % of it is new, where 5 % is usual'] } })
})

test('while something is odd a day takes two new copies of the source, and those of others as ever', async () => {
  const vault = vaultInProcess()
  for (let day = 0; day < 5; day += 1) {
    await vault.send(randomBytes(1000), {}, 50)
    vault.clock.now += dayMs
  }
  const answers = []
  for (let n = 0; n < 4; n += 1) answers.push(await vault.send(randomBytes(1000)))
  expect(answers.map(({ ok }) => ok)).toEqual([true, true, false, false])
  expect(answers[3].error).toContain('something is odd about home of web1: until somebody has looked at it')
  expect(answers[3].error).toContain('hdsync vault release web1 home')
  expect((await vault.send(randomBytes(1000), { source: 'var' })).ok).toBe(true)
  vault.clock.now += dayMs
  expect((await vault.send(randomBytes(1000), {}, 50)).ok).toBe(true)
  await release('web1', 'home', vault.tools)
  for (let n = 0; n < 2; n += 1) expect((await vault.send(randomBytes(1000), {}, 50)).ok).toBe(true)
})
