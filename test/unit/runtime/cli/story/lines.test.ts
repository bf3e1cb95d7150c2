import { describe, expect, test } from 'vitest'
import { painter } from '../../../../../runtime/cli/format.ts'
import { storyText } from '../../../../../runtime/cli/story/lines.ts'
import type { StoryDelivery, StoryEvent } from '../../../../../runtime/core/bus/journal.ts'

const drawing = { paint: painter(false), commands: true, live: false }
const at = Date.UTC(2026, 10, 22, 0, 57, 3)

function step(
  type: string,
  delivery: Partial<StoryDelivery>,
  fields: Partial<StoryEvent['event']> = {},
): StoryEvent {
  return {
    event: {
      specversion: '1.0',
      id: type,
      source: '/test',
      type,
      time: new Date(at).toISOString(),
      datacontenttype: 'application/json',
      attempt: 1,
      data: {},
      ...fields,
    },
    deliveries: [{ id: 1, function: type, state: 'done', attempts: [], commands: [], log: [], ...delivery }],
  }
}

/** Without the columns of time and duration. */
const texts = (events: StoryEvent[], options = {}) =>
  storyText({ events }, { ...drawing, ...options })
    .trimEnd()
    .split('\n')
    .map((line) => line.slice(19))

const command = (startedAt: number, argv: string[], end = {}) => ({
  deliveryId: 1,
  try: 1,
  argv,
  startedAt,
  ...end,
})

describe('storyText()', () => {
  test('shows the attempt of an event, and each try of a delivery with its error', () => {
    const delivery = {
      state: 'dead',
      attempts: [
        { number: 1, startedAt: at, endedAt: at + 10, error: 'busy' },
        { number: 2, startedAt: at + 1000, endedAt: at + 2500, error: 'gone\nfor good' },
      ],
    } as const
    const story = [
      step(
        'snapshot.create',
        { ...delivery, attempts: [...delivery.attempts] },
        { subject: 'var', attempt: 2 },
      ),
    ]
    expect(texts(story)).toEqual([
      '✖ snapshot.create var attempt 2 given up, 2 attempts',
      '  attempt 1: busy',
      '  attempt 2: gone',
      '  for good',
    ])
    expect(storyText({ events: story }, drawing)).toMatch(/^\d\d:\d\d:03 +2\.5s {2}✖/)
  })

  test.each([
    ['source.failed', { source: 'var', step: 'snapshot.mount', reason: 'no' }, '✖'],
    ['sync.held', { source: 'var', deletions: 9, mirrorFiles: 10, limit: 1 }, '!'],
    ['snapshot.refused', { source: 'var', reason: 'no', kernel: [], attemptsLeft: 1 }, '!'],
    ['snapshot.released', { source: 'var', usedPercent: 1 }, '✔'],
  ])('does not tick a step that tells of %s', (type, data, mark) => {
    const told = { ...step(type, {}, { parentid: 'snapshot.mount', data }), deliveries: [] }
    expect(texts([step('snapshot.mount', {}), told])[0]).toBe(`${mark} snapshot.mount`)
  })

  test('keeps commands, log lines and errors in the order of time', () => {
    const attempts = [{ number: 1, startedAt: at, endedAt: at + 9, error: 'no' }]
    const log = [{ deliveryId: 1, at: at + 5, level: 'info', message: 'between' } as const]
    const commands = [
      command(at + 1, ['true'], { durationMs: 2, exitCode: 0, stderr: 'a mere remark' }),
      command(at + 6, ['mount', '/a b'], { durationMs: 3, exitCode: 32, stderr: '1\n2\n3\n4\n5\n\n6\n7\n' }),
    ]
    expect(texts([step('sync.run', { attempts, log, commands })])).toEqual([
      '✔ sync.run',
      '  $ true',
      '  between',
      "  $ mount '/a b' exit 32",
      ...['1', '2', '3', '…', '6', '7'].map((line) => `    ${line}`),
      '  no',
    ])
  })

  test('says of a command without an end whether it is running', () => {
    const story = [step('sync.run', { state: 'claimed', commands: [command(at, ['rsync'])] })]
    expect(texts(story)).toEqual(['▸ sync.run did not end', '  $ rsync did not end'])
    expect(texts(story, { live: true })).toEqual(['▸ sync.run running', '  $ rsync running'])
    const signalled = command(at, ['rsync'], { durationMs: 1, exitCode: null, signal: 'SIGKILL', stderr: '' })
    expect(texts([step('sync.run', { commands: [signalled] })])[1]).toBe('  $ rsync ended by SIGKILL')
    const absent = command(at, ['zstd'], { durationMs: 1, exitCode: null, stderr: '' })
    expect(texts([step('sync.run', { commands: [absent] })])[1]).toBe('  $ zstd could not be started')
  })

  test('says of an archive that was not written since when it stands', () => {
    const unchangedSince = new Date(2026, 0, 2, 1, 30).toISOString()
    const archived = { path: '/a', sizeBytes: 1, unchangedSince }
    const told = (data: object) => texts([step('source.archived', {}, { data })])
    expect(told({ ...archived, linkedFrom: '/b' })).toEqual([
      '· source.archived  archive /a, 1 B: unchanged since Friday 2026-01-02 01:30:00, linked',
    ])
    expect(told(archived)).toEqual([
      '· source.archived  archive /a, 1 B: unchanged since Friday 2026-01-02 01:30:00, kept',
    ])
  })

  test('says of an archive how much of it stands in an earlier one', () => {
    const data = { path: '/a', sizeBytes: 2048, takenFrom: '/b', takenBytes: 2047 }
    expect(texts([step('source.archived', {}, { data })])).toEqual([
      '· source.archived  archive /a, 2 KiB: 99% as in /b',
    ])
  })

  test('keeps the chain on one level, and moves branches in', () => {
    const story = [
      step('sync.run', {}),
      step('archive.weekly', {}, { parentid: 'sync.run' }),
      step('snapshot.cleanup', {}, { parentid: 'sync.run' }),
      step('source.archived', {}, { parentid: 'archive.weekly', data: { path: '/a', sizeBytes: 1 } }),
      step('source.next', {}, { parentid: 'snapshot.cleanup' }),
      step('backup.finish', {}, { parentid: 'source.next' }),
    ]
    expect(texts(story)).toEqual([
      '✔ sync.run',
      '├─ ✔ archive.weekly',
      '│    · source.archived  archive /a, 1 B',
      '✔ snapshot.cleanup',
      '✔ source.next',
      '✔ backup.finish',
    ])
  })

  test('draws lanes alike', () => {
    const story = [
      step('target.open', {}),
      step('source.next', {}, { id: 'one', parentid: 'target.open' }),
      step('source.next', {}, { id: 'two', parentid: 'target.open' }),
      step('sync.run', {}, { parentid: 'two', subject: 'home' }),
    ]
    expect(texts(story)).toEqual([
      '✔ target.open',
      '├─ ✔ source.next',
      '└─ ✔ source.next',
      '   ✔ sync.run home',
    ])
  })

  test('names a function that is not named after its event, and one beside it that has something to tell', () => {
    const own = step('my.event', { function: 'mine' })
    own.deliveries.push({ id: 2, function: 'other', state: 'ready', attempts: [], commands: [], log: [] })
    expect(texts([own])).toEqual(['✔ my.event by mine', '  ◦ other waits'])
  })

  test('tells a fact in words, and of who took note of it only what did not go well', () => {
    const failed = { source: 'var', step: 'sync.run', reason: 'no\u001b[2J', cancelled: false }
    const fact = step('source.failed', { function: 'notify.route' }, { subject: 'var', data: failed })
    expect(texts([fact])).toEqual(['· source.failed  FAILED at sync.run: no\\u{1b}[2J'])
    const dead = step('source.failed', { function: 'notify.route', state: 'dead' }, { data: failed })
    expect(texts([dead])[1]).toBe('  ✖ notify.route given up')
  })
})
