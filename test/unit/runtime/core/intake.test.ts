import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Engine } from '../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { SqliteBus } from '../../../../runtime/core/bus/sqlite/bus.ts'
import { makeServer } from '../cli/night.ts'

async function open(): Promise<Engine> {
  const engine = await openEngine({
    config: await loadConfig({ path: (await makeServer()).config, env: {} }),
  })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop())
  return engine
}

test('an event that is sent twice is taken once, and both are told its run', async () => {
  const engine = await open()
  const event = {
    type: 'backup.start',
    source: '/ci',
    id: '1',
    subject: 'deploy',
    data: { sources: ['home'] },
  }
  const first = await engine.submit(event)
  expect(first).toEqual({ runId: expect.any(String), eventId: '1', duplicate: false })
  expect(await engine.submit({ ...event, data: {} })).toEqual({ ...first, duplicate: true })
  expect(engine.bus.events({ runId: first.runId })).toMatchObject([
    { source: '/ci', id: '1', subject: 'deploy', data: { sources: ['home'] } },
  ])
})

test('events that come in the same turn of the loop share one commit', async () => {
  const engine = await open()
  const publish = vi.spyOn(SqliteBus.prototype, 'publish')
  onTestFinished(() => publish.mockRestore())
  const receipts = await Promise.all(
    Array.from({ length: 50 }, (_, n) => engine.submit({ type: 'unit.failed', data: { unit: `unit ${n}` } })),
  )
  expect(new Set(receipts.map(({ runId }) => runId)).size).toBe(50)
  expect(publish).toHaveBeenCalledOnce()
  for (const { runId } of receipts) await engine.cancel(runId, 'enough')
})

test.for<[string, { type: string; data?: unknown }, string, string]>([
  ['an unknown type', { type: 'backup.strat' }, 'unknown-type', 'there is no event "backup.strat"'],
  [
    'a type that is not for outsiders',
    { type: 'snapshot.cleanup' },
    'not-triggerable',
    'may not be triggered',
  ],
  [
    'data that does not fit',
    { type: 'backup.start', data: { source: 'home' } },
    'invalid-data',
    'Unrecognized key',
  ],
])('refuses %s', async ([_, event, reason, message]) => {
  const engine = await open()
  await expect(engine.submit(event)).rejects.toMatchObject({
    reason,
    message: expect.stringContaining(message),
  })
  expect(engine.bus.events({})).toEqual([])
})

test('refuses a source that the config does not have', async () => {
  const engine = await open()
  const event = { type: 'backup.start', data: { sources: ['hom'] } }
  await expect(engine.submit(event)).rejects.toMatchObject({ hint: 'did you mean `home`?' })
})

describe('whoever asks for what a waiting run will do', () => {
  const event = (id: string, data: object = {}) => ({ type: 'backup.start', source: '/ci', id, data })

  test.each([
    ['one after the other', false],
    ['at once', true],
  ])('is given that run, and taken once: %s', async (_, atOnce) => {
    const engine = await open()
    const ids = Array.from({ length: 20 }, (_, n) => `${n}`)
    const receipts = []
    if (atOnce) receipts.push(...(await Promise.all(ids.map((id) => engine.submit(event(id))))))
    else for (const id of ids) receipts.push(await engine.submit(event(id)))
    const [first, ...others] = receipts
    expect(first).toEqual({ runId: expect.any(String), eventId: '0', duplicate: false })
    expect(others).toEqual(
      others.map((_, n) => ({ runId: first?.runId, eventId: `${n + 1}`, duplicate: false, joined: true })),
    )
    expect(await engine.submit(event('7', { sources: ['home'] }))).toEqual({
      runId: first?.runId,
      eventId: '7',
      duplicate: true,
    })
    expect(engine.journal.runs(100)).toHaveLength(1)
    expect(engine.bus.open()).toHaveLength(1)
  })

  test('has a run of its own where it asks for something else, or once that one has begun', async () => {
    const engine = await open()
    const first = await engine.submit(event('1'))
    const other = await engine.submit(event('2', { sources: ['home'] }))
    expect(other).toMatchObject({ duplicate: false })
    expect(other.runId).not.toBe(first.runId)
    await engine.start()
    await engine.ended(first.runId)
    const later = await engine.submit(event('3'))
    expect(later.runId).not.toBe(first.runId)
    await engine.ended(later.runId)
    expect(engine.journal.unended()).toEqual([])
  })
})
