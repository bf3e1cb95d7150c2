import { expect, onTestFinished, test, vi } from 'vitest'
import { SqliteBus } from '../../../../runtime/bus/sqlite/bus.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { type Engine, openEngine } from '../../../../runtime/engine/engine.ts'
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
    Array.from({ length: 50 }, () => engine.submit({ type: 'backup.start' })),
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
