import { hostname } from 'node:os'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvent, type Envelope, envelopeSchema } from '../../../../events/index.ts'
import { defineFunction } from '../../../../runtime/backup/function.ts'
import { childPublication, newRunId, rootPublication } from '../../../../runtime/core/publication.ts'
import { TerminalError } from '../../../../runtime/errors.ts'
import { registryOf } from '../backup/bench.ts'
import { work } from '../backup/events.ts'

const run = () => {}
const now = Date.UTC(2026, 0, 1)

const keyed = defineFunction({
  on: work,
  emits: [],
  concurrency: { key: ({ source }, { id }) => `${source} of ${id}` },
  run,
})
const registry = registryOf({ 'test.work': keyed, other: defineFunction({ on: work, emits: [], run }) })

describe('rootPublication()', () => {
  const { event, deliveries } = rootPublication(registry, work, { source: 'home' }, { now, runId: 'run1' })

  test('makes a whole CloudEvent, its subject being the source that it is about', () => {
    expect(event).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^[\w-]{25}$/),
      source: `/hdsync/${hostname()}`,
      type: 'test.work',
      subject: 'home',
      time: '2026-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      runid: 'run1',
      attempt: 1,
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
      data: { source: 'home' },
    })
    expect(envelopeSchema.parse(event)).toEqual(event)
  })

  test('owes it to every function that takes it, with the key that each asks for', () => {
    expect(deliveries).toEqual([
      { function: 'test.work', lane: 'chain', key: 'home of run1', runAt: 0 },
      { function: 'other', lane: 'chain', key: undefined, runAt: 0 },
    ])
  })

  test('fills in defaults, and leaves out the subject of an event about no source', () => {
    const plain = defineEvent('test.plain', z.strictObject({ count: z.int().default(3) }))
    const publication = rootPublication(registry, plain, {}, { now })
    expect(publication.event.data).toEqual({ count: 3 })
    expect(publication.event).not.toHaveProperty('subject')
    expect(publication.deliveries).toEqual([])
  })

  test.each([[null], ['text'], [7], [['list']]])('takes data that is no map: %j', (data) => {
    const any = defineEvent('test.any', z.unknown())
    const publication = rootPublication(registry, any, data, { now })
    expect(publication.event.data).toEqual(data)
    expect(publication.event).not.toHaveProperty('subject')
  })

  test('begins a run, and a trace, of its own each time', () => {
    const another = rootPublication(registry, work, {}, { now }).event
    const third = rootPublication(registry, work, {}, { now }).event
    expect(another.id).not.toBe(third.id)
    expect(another.runid).not.toBe(third.runid)
    expect(another.traceparent).not.toBe(third.traceparent)
  })

  test('refuses data that does not fit, and says what and where', () => {
    const wrong = () => rootPublication(registry, work, { source: 7, colour: 'red' } as never, { now })
    expect(wrong).toThrow(TerminalError)
    expect(wrong).toThrow(/^the data of test\.work does not fit its schema: source: .*; data: .*colour/)
  })
})

describe('childPublication()', () => {
  const parent: Envelope = rootPublication(registry, work, {}, { now, runId: 'run1' }).event
  const child = (index = 0, of = parent, name = 'f', phase: 'run' | 'giveUp' = 'run', generation = 0) =>
    childPublication(registry, work, {}, { event: of, function: name, phase, index, generation }, {}, now)
      .event

  test('has the same id whenever the same step is done, and another one for every other step', () => {
    expect(child()).toEqual(child())
    const steps = [
      child(),
      child(1),
      child(0, { ...parent, id: 'x' }),
      child(0, parent, 'g'),
      child(0, parent, 'f', 'giveUp'),
      child(0, parent, 'f', 'run', 1),
      child(0, parent, 'f', 'run', 2),
    ]
    expect(new Set(steps.map(({ id }) => id)).size).toBe(steps.length)
    expect(child(0, { ...parent, source: '/elsewhere' }).id).not.toBe(child().id)
  })

  test('has an id that comes after those of earlier times, whatever run it belongs to', () => {
    const times = [now, now + 1, now + 1000, now + 1e12]
    const ids = times.map((at) => child(0, { ...parent, time: new Date(at).toISOString() }).id)
    const roots = times.map((at) => rootPublication(registry, work, {}, { now: at }).event.id)
    expect([ids, roots]).toEqual([ids.toSorted(), roots.toSorted()])
  })

  test('does not mistake one split of names for another', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(), (id, name, index) => {
        const whole = child(index, { ...parent, id: `${id}${name}` }, '').id
        expect(child(index, { ...parent, id }, name).id === whole).toBe(name === '')
      }),
    )
  })

  test('stays in the run and the trace of its parent, as a step of its own', () => {
    const { runid, parentid, traceparent = '' } = child()
    expect([runid, parentid]).toEqual(['run1', parent.id])
    expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    expect(traceparent.slice(0, 36)).toBe(parent.traceparent?.slice(0, 36))
    expect(traceparent).not.toBe(parent.traceparent)
    expect(traceparent).not.toBe(child(1).traceparent)
  })

  test('belongs to no run and no trace when its parent does not', () => {
    const { runid: _run, traceparent: _trace, ...stray } = parent
    expect(child(0, stray)).not.toHaveProperty('runid')
    expect(child(0, stray)).not.toHaveProperty('traceparent')
  })

  test('carries the trial and the delay that it was emitted with', () => {
    const step = { event: parent, function: 'f', phase: 'run' as const, index: 0, generation: 0 }
    const later = childPublication(registry, work, {}, step, { attempt: 4, delayMs: 250 }, now)
    expect(later.event.attempt).toBe(4)
    expect(later.deliveries.map(({ runAt }) => runAt)).toEqual([now + 250, now + 250])
    expect(child().attempt).toBe(1)
  })
})

test('newRunId() makes short lower-case ids without look-alikes', () => {
  const ids = Array.from({ length: 200 }, newRunId)
  expect(new Set(ids).size).toBe(200)
  for (const id of ids) expect(id).toMatch(/^[2-9a-hjkmnp-tv-z]{10}$/)
})
