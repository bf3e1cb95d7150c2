import { expect, test } from 'vitest'
import type { StoryEvent } from '../../../../../../runtime/core/bus/journal.ts'
import { pictureOf } from '../../../../../../runtime/http/page/nights/picture.ts'
import { timelineOf } from '../../../../../../runtime/http/page/nights/timeline.ts'

const start = Date.UTC(2026, 10, 24, 2)
let number = 0

interface Made {
  id: string
  type: string
  at: number
  subject?: string
  parentid?: string
  data?: object
  takes?: [function_: string, from: number, to: number, error?: string | null][]
  argv?: string[]
}

function event({ id, type, at, subject, parentid, data = {}, takes = [], argv }: Made): StoryEvent {
  const time = new Date(start + at).toISOString()
  const envelope = { specversion: '1.0', source: '/t', id, type, time, attempt: 1, data }
  return {
    event: { ...envelope, ...(subject && { subject }), ...(parentid && { parentid }) } as StoryEvent['event'],
    deliveries: takes.map(([name, from, to, error = null]) => ({
      id: ++number,
      function: name,
      state: 'done',
      attempts: [{ number: 1, startedAt: start + from, endedAt: start + to, error }],
      commands: argv
        ? [{ deliveryId: number, try: 1, argv, startedAt: start + from, durationMs: to - from, exitCode: 0 }]
        : [],
      log: [],
    })),
  }
}

/** A snapshot that the kernel refuses, then one that is copied from, and an archive beside the next source. */
const night = [
  event({ id: 'a', type: 'backup.start', at: 0, takes: [['backup.start', 0, 5]] }),
  event({
    id: 'b',
    type: 'snapshot.create',
    at: 5,
    subject: 'var',
    takes: [['snapshot.create', 5, 400]],
    argv: ['lvcreate', '-s'],
  }),
  event({
    id: 'c',
    type: 'snapshot.mount',
    at: 400,
    subject: 'var',
    parentid: 'b',
    takes: [['snapshot.mount', 400, 500]],
  }),
  event({
    id: 'd',
    type: 'snapshot.refused',
    at: 500,
    subject: 'var',
    parentid: 'c',
    data: { source: 'var', reason: 'mount: wrong fs type', kernel: ['<b>clm-2076</b>'], attemptsLeft: 9 },
  }),
  event({ id: 'e', type: 'snapshot.released', at: 600, subject: 'var', data: { usedPercent: 40 } }),
  event({ id: 'f', type: 'sync.run', at: 700, subject: 'var', takes: [['sync.run', 700, 3000]] }),
  event({
    id: 'g',
    type: 'archive.weekly',
    at: 3000,
    subject: 'var',
    takes: [['archive.weekly', 3000, 9000]],
  }),
  event({
    id: 'h',
    type: 'archive.weekly',
    at: 4000,
    subject: 'home',
    takes: [['archive.weekly', 4000, 5000]],
  }),
  event({ id: 'i', type: 'run.succeeded', at: 9000, takes: [['notify.route', 9000, 90_000]] }),
]

test('timelineOf() has a lane for each source, one for archives, and none for who tells hooks', () => {
  const { from, to, lanes } = timelineOf({ events: night }, start + 99_999)
  expect([from, to]).toEqual([start, start + 9000])
  expect(lanes.map(({ name, rows }) => [name, rows.length])).toEqual([
    ['the run', 1],
    ['var', 1],
    ['archives', 2],
  ])
})

test('timelineOf() says what the kernel refused, and how far the snapshot was filled', () => {
  const { lanes } = timelineOf({ events: night }, start)
  const source = lanes.find(({ name }) => name === 'var')
  expect(source?.rows[0]?.map(({ function: name, state, note }) => [name, state, note])).toEqual([
    ['snapshot.create', 'done', undefined],
    ['snapshot.mount', 'refused', '<b>clm-2076</b>'],
    ['sync.run', 'done', undefined],
  ])
  expect(source?.bands).toEqual([{ from: start + 400, to: start + 600, used: 0.4 }])
})

test('what goes on ends at the right edge, which is now', () => {
  const going = event({ id: 'z', type: 'sync.run', at: 100, subject: 'var', takes: [] })
  going.deliveries.push({
    id: 7,
    function: 'sync.run',
    state: 'claimed',
    attempts: [],
    commands: [],
    log: [],
  })
  const { to, lanes } = timelineOf({ events: [going] }, start + 5000)
  expect(to).toBe(start + 5000)
  expect(lanes[0]?.rows[0]).toMatchObject([{ state: 'running', from: start + 100, to: start + 5000 }])
})

test('pictureOf() escapes what the kernel said, and names bars that are wide enough', async () => {
  const text = String(await pictureOf(timelineOf({ events: night }, start)))
  expect(text).toContain('&lt;b&gt;clm-2076&lt;/b&gt;')
  expect(text).not.toContain('<b>')
  expect(text).toContain('>archive.weekly</text>')
  expect(text.match(/>snapshot.mount<\/text>/)).toBeNull()
})
