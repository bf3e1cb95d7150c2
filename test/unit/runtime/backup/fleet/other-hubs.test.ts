import { expect, test } from 'vitest'
import { OtherHubs } from '../../../../../runtime/backup/fleet/hubs/others.ts'
import { sharedText } from '../../../../../runtime/backup/fleet/hubs/shared-list.ts'
import { goneHubs, goneText, hubsOf } from '../../../../../runtime/backup/fleet/hubs/standing.ts'
import { newCommandKey } from '../../../../../runtime/host/fleet/command-key.ts'
import { isoOf } from '../../../../../runtime/instant.ts'

const key = newCommandKey()
const minute = 60_000
const now = Date.parse('2026-11-30T08:00:00Z')

/** What a hub says of itself, as it stands in the stream. */
function word(name: string, timeMs: number, { signed = key, as = name } = {}) {
  const { subject } = new OtherHubs(as).own
  return { seq: 1, subject, data: Buffer.from(sharedText(subject, { name }, signed)), timeMs }
}

/** Looks once in a minute. @returns Who is gone then. */
function look(hubs: OtherHubs, from: number, times: number) {
  for (let n = 0; n < times; n++) hubs.look(from + n * minute)
  return hubs.all.filter(({ isGone }) => isGone).map(({ hub }) => hub)
}

test('a hub that has said nothing at five looks is gone, until it says something', () => {
  const hubs = new OtherHubs('hub1')
  for (const name of ['hub1', 'hub2', 'hub3']) hubs.take(word(name, now), key)
  expect(hubs.all.map(({ hub }) => hub)).toEqual(['hub2', 'hub3'])
  expect(look(hubs, now, 4)).toEqual([])
  hubs.take(word('hub3', now + 4 * minute), key)
  expect(look(hubs, now + 4 * minute, 1)).toEqual(['hub2'])
  // It is read again over another connection.
  hubs.take(word('hub2', now), key)
  expect(look(hubs, now + 5 * minute, 0)).toEqual(['hub2'])
  hubs.take(word('hub2', now + 5 * minute), key)
  expect(look(hubs, now + 5 * minute, 0)).toEqual([])
})

test('looks that come too soon do not count, also as the clock was set', () => {
  const hubs = new OtherHubs('hub1')
  hubs.take(word('hub2', now), key)
  // A connection that breaks all the time.
  for (let n = 0; n < 100; n++) hubs.look(now + n)
  // A machine that has slept.
  hubs.look(now + 600 * minute)
  expect(look(hubs, now, 0)).toEqual([])
})

test('what no hub of this fleet has said is none', () => {
  const hubs = new OtherHubs('hub1')
  hubs.take(word('hub2', now, { signed: newCommandKey() }), key)
  hubs.take(word('hub2', now, { as: 'hub3' }), key)
  hubs.take({ ...word('hub2', now), subject: 'hubs.lease' }, key)
  expect(hubs.all).toEqual([])
})

test('a hub that is started again knows who was gone, and forgets after a week who was taken away', () => {
  const before = new OtherHubs('hub1')
  before.take(word('hub2', now), key)
  expect(look(before, now, 5)).toEqual(['hub2'])
  const hubs = new OtherHubs('hub1', before.all)
  hubs.take(word('hub2', now), key)
  expect(look(hubs, now, 0)).toEqual(['hub2'])
  expect(look(hubs, now, 7 * 24 * 60 - 5)).toEqual(['hub2'])
  expect(look(hubs, now + 8 * 24 * 60 * minute, 1)).toEqual([])
  expect(hubs.all).toEqual([])
})

test('hubsOf(), goneHubs() and goneText() tell how hubs stand, as one of them knows', () => {
  const since = isoOf(now)
  const others = [
    { hub: 'hub2', heardAt: since, isGone: false },
    { hub: 'hub3', heardAt: since, isGone: true },
  ]
  const standing = (isActive: boolean, active: string) =>
    hubsOf({ isActive, active, since, others }, 'hub1').map(({ hub, state }) => `${hub} ${state}`)
  expect(standing(true, 'hub1')).toEqual(['hub1 acts', 'hub2 standby', 'hub3 gone'])
  expect(standing(false, 'hub2')).toEqual(['hub1 standby', 'hub2 acts', 'hub3 gone'])
  // One of an older hdsync, which says nothing of itself.
  expect(standing(false, 'hub4')).toEqual(['hub1 standby', 'hub4 acts', 'hub2 standby', 'hub3 gone'])
  expect(hubsOf(undefined, 'hub1')).toEqual([])
  const role = { isActive: true, active: 'hub1', since }
  expect(hubsOf(role, 'hub1')).toEqual([{ hub: 'hub1', state: 'acts' }])
  expect([goneHubs(undefined), goneHubs(role)]).toEqual([[], []])
  expect(goneHubs({ ...role, others }).map(goneText)).toEqual([
    expect.stringMatching(/^nothing is heard of the hub hub3 since 2026-11-30 \d\d:\d\d$/),
  ])
})
