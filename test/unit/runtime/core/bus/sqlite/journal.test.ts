import { beforeEach, describe, expect, test } from 'vitest'
import {
  backupStart,
  catalogue,
  type Envelope,
  runSucceeded,
  snapshotCreate,
} from '../../../../../../events/index.ts'
import type { Delivery, Publication, Settlement } from '../../../../../../runtime/core/bus/bus.ts'
import { SqliteBus } from '../../../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { SqliteJournal } from '../../../../../../runtime/core/bus/sqlite/journal.ts'
import { event, owed } from '../../../../../contract/publication.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

let bus: SqliteBus
let journal: SqliteJournal

beforeEach(({ onTestFinished }) => {
  const directory = temporaryFolder()
  const database = openDatabase(directory)
  bus = new SqliteBus(database, directory)
  journal = new SqliteJournal(database, catalogue)
  onTestFinished(() => bus.close())
})

const start = (run: string, fields: Partial<Envelope> = {}) =>
  owed(`start of ${run}`, {}, { type: backupStart.type, runid: run, ...fields })

async function claim(): Promise<Delivery> {
  const { claimed } = await bus.exchange({ now: 0, renew: [], settle: [], claim: 1, leaseMs: 1000 })
  if (!claimed[0]) throw new Error('nothing is ready')
  return claimed[0]
}

async function settle(settlement: Settlement): Promise<void> {
  await bus.exchange({ now: 0, renew: [], settle: [settlement], claim: 0, leaseMs: 1000 })
}

test('only its own lines are not flushed one by one, even where one cannot be written', () => {
  const directory = temporaryFolder()
  using database = openDatabase(directory)
  const lines = new SqliteJournal(database, catalogue)
  const level = () => Object.values(database.prepare('PRAGMA synchronous').get() ?? {})
  expect(level()).toEqual([2])
  // There is no such delivery.
  const command = { deliveryId: 1, try: 1, argv: ['true'], startedAt: 0 }
  expect(() => lines.commandStarted(command)).toThrow('FOREIGN KEY')
  expect(level()).toEqual([2])
  lines.commandEnded(1, { durationMs: 1, exitCode: 0, stderr: '' })
  expect(level()).toEqual([2])
})

describe('runs()', () => {
  test('names the newest first, each with its start and, once it has come, its end', async () => {
    const end = event('end', { type: runSucceeded.type, runid: 'aaa', data: { run: 'aaa' } })
    await bus.publish([start('aaa'), start('bbb', { time: '2026-01-02T03:04:05+01:00' })])
    await bus.publish([{ event: end, deliveries: [] }])
    expect(journal.runs(10)).toEqual([
      { id: 'bbb', kind: 'backup', startedAt: Date.UTC(2026, 0, 2, 2, 4, 5), end: undefined },
      { id: 'aaa', kind: 'backup', startedAt: Date.UTC(2026, 0, 1), end },
    ])
    expect(journal.runs(1).map(({ id }) => id)).toEqual(['bbb'])
  })

  test('has runs of other events where they are asked for, by kind or all', async () => {
    const root = (run: string, type: string) => owed(`${run} ${type}`, {}, { type, runid: run })
    await bus.publish([root('aaa', 'my.go'), root('bbb', 'backup.start'), root('ccc', 'my.start')])
    // What comes later in a run begins none, whoever has put it on the bus.
    await bus.publish([root('aaa', 'my.start'), root('bbb', 'backup.finish')])
    await bus.publish([owed('child', {}, { type: 'my.go', runid: 'ccc', parentid: 'ccc my.start' })])
    const kinds = (kind?: string) => journal.runs(10, kind).map(({ id, kind }) => [id, kind])
    expect(kinds()).toEqual([['bbb', 'backup']])
    expect(kinds('all')).toEqual([
      ['ccc', 'my'],
      ['bbb', 'backup'],
      ['aaa', 'my.go'],
    ])
    expect(kinds('my')).toEqual([['ccc', 'my']])
    expect(kinds('my.go')).toEqual([['aaa', 'my.go']])
    expect(kinds('backup')).toEqual([['bbb', 'backup']])
    expect(journal.run('cc')).toMatchObject({ id: 'ccc', kind: 'my' })
    expect(journal.run('last')).toMatchObject({ id: 'bbb' })
  })

  test('knows none in a new store', () => expect(journal.runs(10)).toEqual([]))
})

describe('run()', () => {
  beforeEach(async () => {
    await bus.publish([start('abc1'), start('abd2'), start('abd23')])
  })

  test.each([
    ['abc1', 'abc1'],
    ['abc', 'abc1'],
    ['last', 'abd23'],
    // The whole of one id may be the beginning of another.
    ['abd2', 'abd2'],
    ['ab', undefined],
    ['abd', undefined],
    ['ABC1', undefined],
    ['bc1', undefined],
    ['%', undefined],
    ['', undefined],
  ])('finds for %j %s', (id, run) => expect(journal.run(id)?.id).toBe(run))
})

const ended = (run: string, time: string): Publication => ({
  event: event(`end of ${run}`, { type: runSucceeded.type, runid: run, time }),
  deliveries: [],
})

test('unended() names the runs that were asked for and have not ended, the newest first', async () => {
  await bus.publish([start('run1'), start('run2'), ended('run2', '2026-01-01T00:00:00.000Z'), start('run3')])
  expect(journal.unended()).toEqual(['run3', 'run1'])
})

describe('prune()', () => {
  const begin = (run: string) => ({ ...start(run), deliveries: [] })
  const july = Date.UTC(2026, 6, 1)

  test('forgets runs that ended before a moment, and all that is known of them', async () => {
    await bus.publish([start('old')])
    const delivery = await claim()
    journal.commandStarted({ deliveryId: delivery.id, try: 1, argv: ['lvs'], startedAt: 0 })
    journal.log({ deliveryId: delivery.id, at: 0, level: 'info', message: 'x' })
    await settle({ outcome: 'done', delivery, attempt: { startedAt: 0, endedAt: 1 }, publications: [] })
    await bus.publish([ended('old', '2026-06-30T23:59:59.999Z')])
    await bus.publish([begin('young'), ended('young', '2026-07-01T00:00:00.000Z'), begin('newest')])
    expect(journal.prune(july)).toEqual({ events: 2, more: false })
    expect(journal.runs(10).map(({ id }) => id)).toEqual(['newest', 'young'])
    expect(journal.story('old')).toEqual({ events: [] })
    expect(journal.prune(july).events).toBe(0)
  })

  test('keeps the newest run, runs that go on, and runs of which something is owed', async () => {
    const long = '2020-01-01T00:00:00.000Z'
    await bus.publish([begin('going on'), start('owed'), ended('owed', long)])
    await bus.publish([begin('newest'), ended('newest', long)])
    expect(journal.prune(july).events).toBe(0)
    expect(journal.runs(10)).toHaveLength(3)
  })

  test('leaves nothing that comes afterwards unfound, though the newest event of all is forgotten', async () => {
    const time = '2020-01-01T00:00:00.000Z'
    const stray = (id: string) => ({ event: event(id, { type: 'mine.happened', time }), deliveries: [] })
    await bus.publish([begin('newest'), stray('one'), stray('two')])
    journal.prune(july)
    await bus.publish([begin('later')])
    expect(journal.runs(10).map(({ id }) => id)).toEqual(['later', 'newest'])
    expect(bus.events({ runId: 'later' })).toHaveLength(1)
  })

  test('never forgets that a hook was told to be quiet', async () => {
    const time = '2020-01-01T00:00:00.000Z'
    const disabled = { event: event('quiet', { type: 'hook.disabled', runid: 'old', time }), deliveries: [] }
    await bus.publish([begin('old'), disabled, ended('old', time), begin('newest')])
    journal.prune(july)
    expect(journal.prune(july).events).toBe(0)
    expect(bus.events({ types: ['hook.disabled'] })).toHaveLength(1)
  })

  const stray = (id: string, time = '2020-01-01T00:00:00.000Z') => ({
    event: event(id, { type: 'mine.happened', time }),
    deliveries: [],
  })

  test('forgets as much as there is, a few thousand events at a time', async () => {
    await bus.publish([begin('newest'), ...Array.from({ length: 9000 }, (_, n) => stray(`${n}`))])
    let steps = 0
    for (let more = true; more; steps++) ({ more } = journal.prune(july))
    expect(bus.events({})).toHaveLength(1)
    expect(steps).toBe(5)
  })

  test('finds what is to be forgotten behind what is to be kept', async () => {
    const owed = (n: number) => ({ ...stray(`owed ${n}`), deliveries: [{ function: 'mine', runAt: 0 }] })
    await bus.publish([...Array.from({ length: 4000 }, (_, n) => owed(n)), stray('old'), begin('newest')])
    for (let more = true; more; ) ({ more } = journal.prune(july))
    expect(bus.find('/hdsync/test', 'old')).toBeUndefined()
    expect(bus.events({})).toHaveLength(4001)
  })

  test('keeps the newest successes of each source, and the last copy to each disk', async () => {
    const long = '2020-01-01T00:00:00.000Z'
    const result = (source: string, state: string) => ({ sources: [{ source, state }] })
    const synced = (run: string, subject: string, mirror: string) => ({
      event: event(`synced ${run}`, {
        type: 'source.synced',
        subject,
        runid: run,
        time: long,
        data: { mirror },
      }),
      deliveries: [],
    })
    const runs: [run: string, source: string, mirror: string, state: string][] = [
      ...'0123'.split('').map((run): [string, string, string, string] => [run, 'home', 'disk1', 'succeeded']),
      ...Array.from({ length: 9 }, (_, n): [string, string, string, string] => [
        `b${n}`,
        'home',
        'disk1',
        'succeeded',
      ]),
      ['c', 'home', 'disk2', 'degraded'],
      ['d', 'var', 'disk1', 'succeeded'],
      ['e', 'home', '', 'failed'],
    ]
    for (const [run, source, mirror, state] of runs) {
      const end = ended(run, long)
      await bus.publish([
        begin(run),
        ...(mirror ? [synced(run, source, mirror)] : []),
        { ...end, event: { ...end.event, data: result(source, state) } },
      ])
    }
    await bus.publish([begin('newest')])
    for (let more = true; more; ) ({ more } = journal.prune(july))
    const tenOfHome = ['c', ...Array.from({ length: 9 }, (_, n) => `b${n}`).reverse()]
    expect(journal.runs(20).map(({ id }) => id)).toEqual(['newest', 'd', ...tenOfHome])
  })

  test('forgets what belongs to no backup, unless it is owed', async () => {
    const time = '2020-01-01T00:00:00.000Z'
    const stray = (id: string, deliveries: Publication['deliveries'] = []) => ({
      event: event(id, { type: 'mine.happened', time }),
      deliveries,
    })
    await bus.publish([stray('old'), stray('owed', [{ function: 'mine', runAt: 0 }]), begin('newest')])
    journal.prune(july)
    expect(bus.events({}).map(({ id }) => id)).toEqual(['owed', begin('newest').event.id])
  })
})

describe('witnessedAt()', () => {
  const at = (time: string) => ended(time, time)
  const [night, next, evening, jump] = [
    '2026-07-01T03:00:00.000Z',
    '2026-07-02T03:00:00.000Z',
    '2026-07-02T09:00:00.000Z',
    '2027-07-03T03:00:00.000Z',
  ]

  test.each([
    ['knows nothing before two runs have ended', [next], undefined],
    ['of two nights is the older one', [night, next], night],
    ['does not count what comes within half a day as another witness', [night, next, evening], night],
    ['does not believe a clock that is a year ahead once', [night, next, jump], next],
    ['nor one that was', [night, jump, next], night],
  ])('%s', async (_, times, expected) => {
    await bus.publish(times.map(at))
    expect(journal.witnessedAt()).toBe(expected && Date.parse(expected))
  })
})

describe('horizon()', () => {
  const day = 86_400_000
  const first = Date.UTC(2026, 0, 1)
  /** Nights that end on these days since the first, and what is then forgotten of them. */
  async function forgotten(days: readonly number[], keepDays: number): Promise<number[]> {
    const runs = days.map((on, n) => {
      const end = ended(`run ${n}`, new Date(first + on * day).toISOString())
      // Without a source that succeeded nothing is kept for its own sake.
      return { ...end, event: { ...end.event, data: { sources: [] } } }
    })
    await bus.publish(runs.flatMap((end, n) => [{ ...start(`run ${n}`), deliveries: [] }, end]))
    const horizon = journal.horizon(keepDays * day)
    if (horizon !== undefined) while (journal.prune(horizon).more);
    const left = new Set(journal.runs(1000).map(({ id }) => id))
    return days.filter((_, n) => !left.has(`run ${n}`))
  }
  const nights = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)

  test.each<[string, readonly number[], number, readonly number[]]>([
    ['forgets nothing of one night', [0], 1, []],
    ['keeps the nights of so many days, as two agree on the time', nights(0, 20), 10, nights(0, 8)],
    ['goes by the night before when the clock jumps a year ahead', [...nights(0, 20), 386], 10, nights(0, 9)],
    [
      'takes the jump for eight days when the clock stays there',
      [...nights(0, 20), 386, 387],
      10,
      nights(0, 18),
    ],
    ['and keeps all of them where more than that is to be kept', [...nights(0, 20), 386, 387], 90, []],
    [
      'forgets nothing more when the clock was wrong for two nights',
      [...nights(0, 5), 386, 387, 6, 7],
      10,
      [],
    ],
    ['counts weeks in which there was one as weeks', [0, 7, 14, 21, 28], 15, [0]],
  ])('%s', async (_, days, keepDays, gone) => {
    expect(await forgotten(days, keepDays)).toEqual(gone)
  })
})

describe('story()', () => {
  test('tells of the events of a run, what was owed for them, and how each try went', async () => {
    await bus.publish([start('run1'), start('run2')])
    const first = await claim()
    const command = journal.commandStarted({
      deliveryId: first.id,
      try: 1,
      argv: ['lvs', '--units', 'b'],
      startedAt: 5,
    })
    journal.log({ deliveryId: first.id, at: 6, level: 'warn', message: 'slow' })
    journal.commandEnded(command, { durationMs: 1.5, exitCode: 5, stderr: 'no such group' })
    const failed = { startedAt: 1, endedAt: 9, error: 'lvs ended with exit code 5' }
    await settle({ outcome: 'retry', delivery: first, attempt: failed, runAt: 0 })
    const second = await claim()
    const unended = { deliveryId: second.id, try: 2, argv: ['lvs'], startedAt: 11 }
    journal.commandStarted(unended)
    const next = event('next', { type: snapshotCreate.type, runid: 'run1', parentid: first.event.id })
    await settle({
      outcome: 'done',
      delivery: second,
      attempt: { startedAt: 10, endedAt: 19 },
      publications: [{ event: next, deliveries: [] }],
    })

    expect(journal.story('run1')).toEqual({
      events: [
        {
          event: start('run1').event,
          deliveries: [
            {
              id: first.id,
              function: 'f',
              state: 'done',
              attempts: [
                { number: 1, ...failed },
                { number: 2, startedAt: 10, endedAt: 19, error: null },
              ],
              commands: [
                {
                  deliveryId: first.id,
                  try: 1,
                  argv: ['lvs', '--units', 'b'],
                  startedAt: 5,
                  durationMs: 1.5,
                  exitCode: 5,
                  signal: undefined,
                  stderr: 'no such group',
                },
                unended,
              ],
              log: [{ deliveryId: first.id, at: 6, level: 'warn', message: 'slow' }],
            },
          ],
        },
        { event: next, deliveries: [] },
      ],
    })
  })

  test('shows a try that a crash cut short with the reason that reclaim() was given', async () => {
    await bus.publish([start('run1')])
    await claim()
    await bus.reclaim('the power went', 700)
    const [first] = journal.story('run1').events
    expect(first?.deliveries[0]).toMatchObject({
      state: 'ready',
      attempts: [{ number: 1, startedAt: 700, endedAt: 700, error: 'the power went' }],
    })
  })

  test('shows a try whose lease ran out, once', async () => {
    await bus.publish([start('run1')])
    const lost = await claim()
    const turn = { renew: [], settle: [], claim: 0, leaseMs: 1000 }
    await bus.exchange({ ...turn, now: 1000 })
    const late: Settlement = {
      outcome: 'done',
      delivery: lost,
      attempt: { startedAt: 0, endedAt: 1 },
      publications: [],
    }
    await bus.exchange({ ...turn, now: 1001, settle: [late] })
    const [first] = journal.story('run1').events
    expect(first?.deliveries[0]).toMatchObject({
      state: 'ready',
      attempts: [
        { number: 1, startedAt: 1000, endedAt: 1000, error: expect.stringMatching(/lease ran out/) },
      ],
    })
    expect(first?.deliveries[0]?.attempts).toHaveLength(1)
  })

  test('of a run that nobody knows is empty', () => expect(journal.story('nobody')).toEqual({ events: [] }))
})

describe('dead()', () => {
  async function bury(id: string, endedAt: number, error = 'no'): Promise<Delivery> {
    await bus.publish([owed(id)])
    const delivery = await claim()
    await settle({ outcome: 'dead', delivery, attempt: { startedAt: 0, endedAt, error }, publications: [] })
    return delivery
  }

  test('names those that died last first, with the reason and all their tries', async () => {
    const first = await bury('a', 10, 'no a')
    const second = await bury('b', 20, 'no b')
    expect(journal.dead()).toEqual([
      { id: second.id, function: 'f', event: event('b'), tries: 1, diedAt: 20, error: 'no b' },
      { id: first.id, function: 'f', event: event('a'), tries: 1, diedAt: 10, error: 'no a' },
    ])
    await bus.redrive(first.id)
    expect(journal.dead().map(({ id }) => id)).toEqual([second.id])
    const delivery = await claim()
    await settle({ outcome: 'dead', delivery, attempt: { startedAt: 25, endedAt: 30 }, publications: [] })
    expect(journal.dead()[0]).toMatchObject({ id: first.id, tries: 2, diedAt: 30, error: '' })
  })

  test('leaves out what another run does instead, which the story names', async () => {
    await bus.publish([owed('a', {}, { runid: 'run1' })])
    const delivery = await claim()
    const attempt = { startedAt: 0, endedAt: 1, error: 'no' }
    await settle({ outcome: 'dead', delivery, attempt, publications: [] })
    await bus.replace([delivery.id], owed('b', {}, { runid: 'run2' }))
    expect(journal.dead()).toEqual([])
    const [story] = journal.story('run1').events
    expect(story?.deliveries).toMatchObject([{ state: 'dead', replacedBy: 'run2' }])
  })

  test('keeps every try of a delivery that was redriven, counted through', async () => {
    await bus.publish([owed('a', {}, { runid: 'run1' })])
    for (const round of [1, 2]) {
      const delivery = await claim()
      const attempt = { startedAt: 0, endedAt: round, error: `no ${round}` }
      await settle({ outcome: 'dead', delivery, attempt, publications: [] })
      await bus.redrive(delivery.id)
    }
    expect(journal.story('run1').events[0]?.deliveries[0]?.attempts).toMatchObject([
      { number: 1, error: 'no 1' },
      { number: 2, error: 'no 2' },
    ])
  })
})

describe('search()', () => {
  beforeEach(async () => {
    const all = [
      event('1', { runid: 'run1', type: 'run.started', time: '2026-01-01T00:00:00.000Z' }),
      event('2', { runid: 'run1', type: 'source.failed', subject: 'var', time: '2026-01-01T02:00:00.000Z' }),
      event('3', {
        runid: 'run2',
        type: 'source.synced',
        subject: 'var',
        time: '2026-01-01T05:00:00.000+02:00',
      }),
      event('4', { runid: 'run2', type: 'run.failed', time: '2026-01-01T04:00:00.000Z' }),
    ]
    await bus.publish(all.map((one) => ({ event: one, deliveries: [] })))
  })

  test.each<[Parameters<SqliteJournal['search']>[0], string]>([
    [{}, '1234'],
    [{ types: ['run.*'] }, '14'],
    [{ types: ['*.failed', 'source.synced'] }, '234'],
    [{ types: ['run.failed'] }, '4'],
    [{ types: ['RUN.*'] }, ''],
    [{ types: ['run.?ailed'] }, ''],
    [{ types: ['[rs]*'] }, ''],
    [{ types: [] }, ''],
    [{ runId: 'run2' }, '34'],
    [{ subject: 'var' }, '23'],
    [{ since: Date.UTC(2026, 0, 1, 3) }, '34'],
    [{ since: Date.UTC(2026, 0, 1, 3, 0, 0, 1) }, '4'],
    [{ limit: 2 }, '34'],
    [{ types: ['*.failed'], subject: 'var', limit: 1 }, '2'],
  ])('for %j finds %s, in the order in which they came', (search, ids) => {
    expect(
      journal
        .search(search)
        .map(({ event: { id } }) => id)
        .join(''),
    ).toBe(ids)
  })

  test('goes on after what has been seen', async () => {
    const [, , third] = journal.search({})
    expect(journal.search({ after: third?.seq ?? 0 }).map(({ event: { id } }) => id)).toEqual(['4'])
  })

  test('changes() is another number once somebody else has written, and only then', async () => {
    const directory = temporaryFolder()
    const writer = new SqliteBus(openDatabase(directory), directory)
    const reader = openDatabase(directory)
    const readings = new SqliteJournal(reader, catalogue)
    const before = readings.changes()
    expect(readings.changes()).toBe(before)
    await writer.publish([owed('a')])
    expect(readings.changes()).not.toBe(before)
    writer.close()
    reader.close()
  })
})
