import { describe, expect, onTestFinished, test } from 'vitest'
import { catalogue, fleetRunSucceeded, type RunResult } from '../../../../../events/index.ts'
import {
  afterEvent,
  type HostState,
  noState,
  readState,
} from '../../../../../runtime/backup/fleet/host-state.ts'
import { type StreamMessage, takeMessages } from '../../../../../runtime/backup/fleet/inbox-taking.ts'
import { judge } from '../../../../../runtime/backup/fleet/judge.ts'
import { fleetOverview } from '../../../../../runtime/backup/fleet/overview.ts'
import { defineFunction } from '../../../../../runtime/backup/function.ts'
import { inMemory, openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../../../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { createRegistry, register } from '../../../../../runtime/core/registry/registry.ts'

const registry = createRegistry([], catalogue)
const now = Date.parse('2026-11-29T03:00:00.000Z')

function newInbox(): Inbox {
  const database = openDatabase(inMemory)
  onTestFinished(() => database.close())
  return new Inbox(database)
}

const result = (state: RunResult['state'], error: string | null = null): RunResult => ({
  ...{ run: 'r1', state, startedAt: '2026-11-29T02:00:00.000Z', endedAt: '2026-11-29T02:10:00.000Z' },
  sources: [
    {
      ...{
        source: 'home',
        state,
        mountTrials: 0,
        snapshotUsedPercent: null,
        filesTransferred: 1,
        bytesTransferred: 1,
      },
      ...{ filesDeleted: 0, archive: null, error },
    },
  ],
})

const about = { version: '1.0.0', labels: ['web'], silentAfterMs: 36 * 3_600_000 }
const told = (
  seq: number,
  {
    epoch = 'one',
    released = 0,
    type = 'run.succeeded',
    data = result('succeeded'),
    id = `${epoch} ${seq}`,
  }: { epoch?: string; released?: number; type?: string; data?: unknown; id?: string } = {},
) => ({
  ...{ v: 1, epoch, seq, released, about, previous: seq > 1 ? `${epoch} ${seq - 1}` : '' },
  event: { id, type, time: '2026-11-29T02:10:00.000Z', run: 'r1', data },
})
let at = 0
const message = (host: string, content: unknown): StreamMessage => {
  at += 1
  return {
    seq: at,
    subject: `ev.${host}.run.succeeded`,
    data: Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)),
    timeMs: now,
  }
}
const take = (inbox: Inbox, ...messages: StreamMessage[]) => takeMessages(messages, { inbox, registry, now })

test.each([
  ['the first of a host', undefined, [1, '', 0], { take: true, missing: 0 }],
  ['the next', 'e', [5, 'd', 0], { take: true, missing: 0 }],
  ['one that was taken', 'e', [4, 'c', 0], { take: false, why: 'double' }],
  ['one that comes too early', 'e', [6, 'e', 3], { take: false, why: 'gap' }],
  ['one that comes after another one than was taken', 'e', [5, 'x', 3], { take: false, why: 'fork' }],
  ['one before which the host has nothing any more', 'e', [8, 'g', 7], { take: true, missing: 3 }],
  ['the first of a new epoch', 'other', [1, '', 0], { take: true, missing: 0 }],
  ['one of a new epoch that comes too early', 'other', [2, 'a', 0], { take: false, why: 'gap' }],
  ['one of a host that told another hub before', undefined, [8, 'g', 7], { take: true, missing: 0 }],
] as const)('judge(): %s', (_, epoch, [seq, previous, released], expected) => {
  const known = epoch && { epoch, seq: 4, id: 'd' }
  expect(judge(known, false, { epoch: 'e', seq, previous, released })).toEqual(expected)
})

test('takeMessages() keeps the disks that a host has told of, until it tells of others', () => {
  const inbox = newInbox()
  const disks = (freeBytes: number) => [
    { target: 'hdd1', freeBytes, totalBytes: 100, perDayBytes: 2 },
    { target: 'hdd2', freeBytes: 100, totalBytes: 100, perDayBytes: -5 },
  ]
  const free = () =>
    fleetOverview(inbox.hosts(), [], now)[0]?.disks.map((one) => [one.target, one.freeBytes, one.daysLeft])
  take(inbox, message('web1', { ...told(1), about: { ...about, disks: disks(80) } }))
  take(inbox, message('web1', told(2)))
  expect(free()).toEqual([
    ['hdd1', 80, 40],
    ['hdd2', 100, null],
  ])
  take(inbox, message('web1', { ...told(3), about: { ...about, disks: disks(10) } }))
  expect(free()).toEqual([
    ['hdd1', 10, 5],
    ['hdd2', 100, null],
  ])
  // What is none is told by no hdsync: the message is passed over whole.
  take(inbox, message('web1', { ...told(4), about: { ...about, disks: [{ target: 'x', freeBytes: -1 }] } }))
  expect(inbox.host('web1')?.seq).toBe(3)
})

describe('takeMessages()', () => {
  test('takes each event once, in order, from a source that is of its host alone', () => {
    const inbox = newInbox()
    const taken = take(
      inbox,
      message('web1', told(1)),
      message('web2', told(1)),
      message('web1', told(1)),
      message('web1', told(3)),
      message('web1', told(2)),
    )
    expect(
      taken.publications.map(({ event }) => [event.source, event.id, event.type, event.subject]),
    ).toEqual([
      ['/hdsync/fleet/web1', 'one 1', 'fleet.run.succeeded', 'web1'],
      ['/hdsync/fleet/web2', 'one 1', 'fleet.run.succeeded', 'web2'],
      ['/hdsync/fleet/web1', 'one 2', 'fleet.run.succeeded', 'web1'],
    ])
    expect(taken.publications[0]?.event.data).toMatchObject({
      host: 'web1',
      run: 'r1',
      labels: ['web'],
      data: { state: 'succeeded' },
    })
    expect(taken.publications[0]?.event.runid).toBeUndefined()
    expect(taken.receipts.get('web1')).toEqual({ v: 1, epoch: 'one', seq: 2, id: 'one 2', answers: false })
    expect(inbox.position?.seq).toBe(at)
  })

  test('takes nothing of an epoch that the host has left, and says so', () => {
    const inbox = newInbox()
    take(inbox, message('web1', told(1)), message('web1', told(1, { epoch: 'two' })))
    const taken = take(inbox, message('web1', told(2)))
    expect(taken.publications).toEqual([])
    expect(taken.receipts.get('web1')).toMatchObject({ epoch: 'two', seq: 1, left: 'one' })
  })

  test.each([
    ['what the broker says of a message', '{"stream":"EV","seq":7}'],
    ['no JSON', 'hello'],
    ['another version', JSON.stringify({ ...told(1), v: 2 })],
    ['a number that is none', JSON.stringify(told(0))],
    ['a type that is none', JSON.stringify(told(1, { type: '../x' }))],
  ])('passes over %s, and goes on', (_, text) => {
    const inbox = newInbox()
    const taken = take(inbox, message('web1', text), message('web2', told(1)))
    expect(taken.strange).toHaveLength(1)
    expect(taken.publications).toHaveLength(1)
    expect(inbox.host('web1')).toBeUndefined()
  })

  test('goes on with other hosts where data is nested too deep, or a function of the hub cannot deal with it', () => {
    const inbox = newInbox()
    const deep = JSON.stringify(told(1, { data: 'DEEP' })).replace(
      '"DEEP"',
      `{"x":${'['.repeat(5000)}${']'.repeat(5000)}}`,
    )
    const first = take(inbox, message('web1', deep), message('web2', told(1)))
    expect(first.publications.map(({ event }) => event.subject)).toEqual(['web2'])
    expect(first.strange).toHaveLength(1)
    const key = () => {
      throw new Error('no such key')
    }
    const picky = defineFunction({ on: fleetRunSucceeded, emits: [], concurrency: { key }, run: () => {} })
    const { publications, strange } = takeMessages([message('web1', told(1)), message('web2', told(2))], {
      inbox,
      registry: createRegistry([register('picky', picky)], catalogue),
      now,
    })
    expect(publications.map(({ event, deliveries }) => [event.subject, deliveries])).toEqual([
      ['web1', []],
      ['web2', []],
    ])
    expect(strange.join()).toContain('no such key')
    expect(inbox.host('web2')?.seq).toBe(2)
  })

  test('keeps what it knows of a host small, and its numbers such that they can be read', () => {
    const inbox = newInbox()
    const many = Array.from({ length: 600 }, (_, n) => ({
      ...result('failed', 'x'.repeat(5000)).sources[0],
      source: `s${n}`,
    }))
    const copies = Array.from({ length: 600 }, (_, n) => ({
      ...{ copy: `c${n}`, state: 'failed', archives: 0, bytes: 0, waiting: 1 },
      error: 'x'.repeat(5000),
    }))
    take(
      inbox,
      message('web1', told(1, { type: 'run.failed', data: { ...result('failed'), sources: many } })),
      message('web1', told(2, { type: 'copy.failed', data: { reason: 'one', copies } })),
    )
    const { sources, troubles } = readState(inbox.host('web1')?.state)
    expect(Object.keys(sources)).toHaveLength(500)
    expect(Object.keys(troubles)).toHaveLength(500)
    expect(JSON.stringify(inbox.host('web1')?.state).length).toBeLessThan(2 ** 21)
    const far = Number.MAX_SAFE_INTEGER
    for (const epoch of ['two', 'three'])
      take(inbox, message('web1', { ...told(1, { epoch }), seq: far, released: far - 1 }))
    expect(inbox.hosts()[0]?.missing).toBe(far)
  })

  test('puts no more of a host on the bus than it may tell in an hour, and shows that; the rest still says how it stands', () => {
    const inbox = newInbox()
    const many = Array.from({ length: 1100 }, (_, n) => message('loud', told(n + 1)))
    const failed = message('loud', told(1101, { type: 'run.failed', data: result('failed', 'no disk') }))
    const { publications } = take(inbox, ...many, failed, message('quiet', told(1)))
    expect(publications.filter(({ event }) => event.subject === 'loud')).toHaveLength(1024)
    expect(publications.at(-1)?.event.subject).toBe('quiet')
    const [loud] = fleetOverview(inbox.hosts(), [], now)
    expect(loud?.troubles.join()).toMatch(/no disk.*tells too much/)
    const later = { inbox, registry, now: now + 3_600_000 }
    expect(takeMessages([message('loud', told(1102))], later).publications).toHaveLength(1)
    expect(fleetOverview(inbox.hosts(), [], now)[0]?.state).toBe('good')
  })

  test('forgets epochs that a host has left but twenty', () => {
    const database = openDatabase(inMemory)
    onTestFinished(() => database.close())
    const inbox = new Inbox(database)
    const epochs = Array.from({ length: 50 }, (_, n) => `e${n}`)
    take(inbox, ...epochs.map((epoch) => message('web1', told(1, { epoch }))))
    expect(database.prepare('SELECT count(*) AS n FROM fleet_epoch').get()).toEqual({ n: 20 })
    expect(inbox.hasLeft('web1', 'e48')).toBe(true)
  })

  test('keeps an event as it is that this hub does not know, or that does not fit; no function gets it', () => {
    const inbox = newInbox()
    const newer = told(1, { type: 'moon.seen', data: { full: true } })
    const odd = told(2, { data: { state: 'excellent' } })
    const { publications } = take(inbox, message('web1', newer), message('web1', odd))
    expect(publications.map(({ event, deliveries }) => [event.type, deliveries])).toEqual([
      ['fleet.moon.seen', []],
      ['fleet.run.succeeded', []],
    ])
    expect(publications[0]?.event.data).toMatchObject({ host: 'web1', data: { full: true } })
    expect(inbox.host('web1')?.seq).toBe(2)
  })
})

describe('how a host stands', () => {
  const say = (state: HostState, type: string, data: unknown, time = '2026-11-29T02:10:00.000Z') =>
    afterEvent(state, { id: 'x', type, time, run: null, data })

  test('follows its nights', () => {
    let state = say(noState, 'run.failed', result('failed', 'no disk'))
    expect(state.sources.home).toEqual({
      state: 'failed',
      error: 'no disk',
      lastGoodAt: null,
      overdue: false,
    })
    state = say(state, 'run.overdue', {
      source: 'home',
      lastSuccessAt: null,
      firstSeenAt: '2026-11-01T00:00:00Z',
      allowedMs: 1,
    })
    expect(state.sources.home?.overdue).toBe(true)
    state = say(state, 'run.succeeded', result('succeeded'), '2026-11-30T02:10:00.000Z')
    expect(state.sources.home).toEqual({
      state: 'succeeded',
      error: null,
      lastGoodAt: '2026-11-30T02:10:00.000Z',
      overdue: false,
    })
    state = say(state, 'run.held', result('held', 'too many'))
    expect(state.sources.home).toMatchObject({ state: 'held', lastGoodAt: '2026-11-30T02:10:00.000Z' })
    state = say(state, 'sync.dismissed', { source: 'home', hold: 'h' })
    expect(state.sources.home).toMatchObject({ state: 'succeeded' })
  })

  test('follows the end of the last run, whatever its sources say', () => {
    const none = (state: RunResult['state']) => ({ ...result(state), sources: [] })
    const standing = (state: HostState) => {
      const row = { host: 'h', epoch: 'e', seq: 1, id: 'i', missing: 0, heardAt: now, about, state }
      const [host] = fleetOverview([row], [], now)
      return [host?.state, host?.troubles]
    }
    let state = say(say(noState, 'run.succeeded', result('succeeded')), 'run.failed', none('failed'))
    expect(standing(state)).toEqual(['failing', ['last run: failed']])
    state = say(state, 'run.degraded', { ...result('succeeded'), state: 'degraded' })
    expect(standing(state)).toEqual(['degraded', ['last run: degraded']])
    state = say(state, 'run.held', result('held', 'too many'))
    expect(standing(state)).toEqual(['held', ['home: held: too many']])
    expect(standing(say(state, 'sync.dismissed', { source: 'home', hold: 'h' }))).toEqual(['good', []])
    expect(standing(say(state, 'run.succeeded', result('succeeded')))).toEqual(['good', []])
  })

  test('keeps what else is not well until it is', () => {
    const copies = (state: string) => [
      {
        copy: 'offsite',
        state,
        archives: 0,
        bytes: 0,
        waiting: 1,
        error: state === 'failed' ? 'no route' : null,
      },
    ]
    let state = say(noState, 'copy.failed', { reason: 'one', copies: copies('failed') })
    state = say(state, 'unit.failed', { unit: 'hdsync.service' })
    expect(Object.keys(state.troubles)).toEqual(['copy offsite', 'unit'])
    state = say(state, 'copy.finished', { state: 'succeeded', copies: copies('succeeded'), reason: null })
    state = say(state, 'run.succeeded', result('succeeded'))
    expect(state.troubles).toEqual({})
  })

  test('does not change by what says nothing, or cannot be read', () => {
    expect(say(noState, 'moon.seen', {})).toEqual(noState)
    expect(say(noState, 'run.succeeded', { sources: 'all' })).toEqual(noState)
  })
})

test('what is not in the config of a host any more does not stay failed for good', () => {
  const inbox = newInbox()
  const copies = [
    { copy: 'usb', state: 'failed', archives: 0, bytes: 0, waiting: 1, error: 'no disk' },
    { copy: 'old', state: 'failed', archives: 0, bytes: 0, waiting: 1, error: 'no disk' },
  ]
  take(
    inbox,
    message('web1', told(1, { type: 'run.failed', data: result('failed', 'no disk') })),
    message('web1', told(2, { type: 'copy.failed', data: { reason: 'one', copies } })),
  )
  const without = told(3, { type: 'drill.overdue', data: {} })
  const names = { ...about, sources: ['www'], copies: ['usb'] }
  take(inbox, message('web1', { ...without, about: names }))
  const state = readState(inbox.host('web1')?.state)
  expect(state.sources).toEqual({})
  expect(Object.keys(state.troubles)).toEqual(['copy usb'])
})

test('a host was heard when the broker took what it told, not when the hub read that', () => {
  const inbox = newInbox()
  const dayMs = 86_400_000
  take(inbox, { ...message('away', told(1)), timeMs: now - 3 * dayMs })
  take(inbox, { ...message('ahead', told(1)), timeMs: now + dayMs })
  expect(inbox.hosts().map(({ host, heardAt }) => [host, heardAt])).toEqual([
    ['ahead', now],
    ['away', now - 3 * dayMs],
  ])
})

test('fleetOverview(): the worst first, silent and revoked hosts, those that have not joined', () => {
  const inbox = newInbox()
  const failed = told(1, { type: 'run.failed', data: result('failed', 'no disk') })
  take(inbox, message('good', told(1)), message('failing', failed), message('gone', told(1)))
  const later = now + 1000
  const lateMs = now + 40 * 3_600_000
  const held = message('held', told(1, { type: 'run.held', data: result('held', 'too many') }))
  takeMessages([{ ...held, timeMs: lateMs }], { inbox, registry, now: lateMs })
  const entry = { enrolledAt: '2026-11-01T00:00:00.000Z', code: null, key: 'U', revokedAt: null }
  const list = [
    { ...entry, host: 'new', key: null },
    { ...entry, host: 'gone', key: null, revokedAt: '2026-11-29T00:00:00.000Z' },
  ]
  const states = (when: number) =>
    fleetOverview(inbox.hosts(), list, when).map(({ host, state }) => `${host} ${state}`)
  expect(states(later)).toEqual(['failing failing', 'held held', 'new waiting', 'good good', 'gone revoked'])
  expect(states(now + 41 * 3_600_000)).toEqual([
    'failing failing',
    'good silent',
    'held held',
    'new waiting',
    'gone revoked',
  ])
  expect(fleetOverview(inbox.hosts(), list, later)[0]).toMatchObject({
    troubles: ['home: failed: no disk'],
    lastGoodAt: null,
    version: '1.0.0',
  })
})

test('a host cannot tell what a hub has on record of itself', () => {
  const inbox = newInbox()
  const ofHub = [...catalogue.keys()].flatMap((type) => {
    const own = type.replace(/^fleet\./, '')
    // `silent`, without a dot, is no type that a message can have.
    return own.includes('.') && own !== type && !catalogue.has(own) ? own : []
  })
  expect(ofHub).toEqual(expect.arrayContaining(['command.given', 'command.withdrawn']))
  const { publications, strange, receipts } = take(
    inbox,
    ...ofHub.map((type, n) => message('web1', told(n + 1, { type, data: { host: 'web2' } }))),
  )
  expect(publications).toEqual([])
  expect(strange).toHaveLength(ofHub.length)
  // It is confirmed all the same: a host that says so for once goes on.
  expect(receipts.get('web1')?.seq).toBe(ofHub.length)
})
