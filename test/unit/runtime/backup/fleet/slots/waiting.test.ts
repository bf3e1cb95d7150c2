import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  backupStart,
  copyStart,
  dataOf,
  type Envelope,
  runCancelled,
  slotAwaited,
  slotTaken,
  verifyStart,
} from '../../../../../../events/index.ts'
import type { Engine } from '../../../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../../../runtime/backup/open-engine.ts'
import { slotWaitIn } from '../../../../../../runtime/backup/status/slot-wait.ts'
import { loadConfig } from '../../../../../../runtime/config/load.ts'
import { ManualClock, turns } from '../../../../manual-clock.ts'
import { makeServer, type Server } from '../../../cli/night.ts'

const hourMs = 3_600_000

/** A server whose runs wait for a slot of a hub that cannot be reached. */
function alone(patience = '2h'): Promise<Server> {
  return makeServer(
    `fleet: { role: host, servers: ['tls://127.0.0.1:1'], credentialsFile: /nowhere/credentials, slot: { server: vault1, patience: ${patience} } }\n`,
  )
}

async function open(server: Server, clock: ManualClock): Promise<Engine> {
  const config = await loadConfig({ path: server.config, env: {} })
  const engine = await openEngine({ config, clock })
  if (!engine) throw new Error('another hdsync is at work')
  await engine.start()
  let isStopped = false
  const stop = async () => {
    if (!isStopped) await engine.stop()
    isStopped = true
  }
  onTestFinished(stop)
  return { ...engine, stop }
}

const standing = (engine: Engine, run: string) => engine.journal.run(run)?.end?.type

function taken(engine: Engine, run: string) {
  const [event] = engine.bus.events({ runId: run, types: [slotTaken.type] })
  return event && dataOf(slotTaken, event)
}

const awaited = (engine: Engine, run: string): Envelope[] =>
  engine.bus.events({ runId: run, types: [slotAwaited.type] })

describe('a run that waits for a slot of a hub that cannot be reached', () => {
  test('says so, and goes on alone once its patience is at an end', async () => {
    const clock = new ManualClock()
    const engine = await open(await alone(), clock)
    const run = await engine.trigger(backupStart, {})
    await clock.advance(2 * hourMs - 1)
    expect(awaited(engine, run)).toMatchObject([
      { subject: 'vault1', data: { server: 'vault1', until: '2026-01-01T02:00:00.000Z' } },
    ])
    expect(standing(engine, run)).toBeUndefined()
    expect(engine.current()).toBeUndefined()
    expect(engine.busy()).toBe(true)
    const waits = { run, server: 'vault1', until: '2026-01-01T02:00:00.000Z' }
    expect(slotWaitIn(engine.bus, engine.journal.unended())).toEqual(waits)
    await clock.advance(1)
    await engine.ended(run)
    expect(standing(engine, run)).toBe('run.succeeded')
    expect(slotWaitIn(engine.bus, [run])).toBeUndefined()
    expect(taken(engine, run)).toEqual({ server: 'vault1', waitedMs: 2 * hourMs, without: 'patience' })
    await expect.poll(() => engine.busy()).toBe(false)
  })

  test('keeps no other one waiting that needs none, nor who reads backups', async () => {
    const clock = new ManualClock()
    const engine = await open(await alone(), clock)
    const run = await engine.trigger(backupStart, {})
    await turns()
    const other = await engine.trigger(verifyStart, {})
    await engine.ended(other)
    const giveBack = await engine.lend()
    giveBack()
    expect(standing(engine, run)).toBeUndefined()
    expect(awaited(engine, other)).toEqual([])
  })

  test('is joined by whoever asks for the same, and by nobody else', async () => {
    const clock = new ManualClock()
    const engine = await open(await alone(), clock)
    const run = await engine.trigger(backupStart, { sources: ['home'] })
    await turns()
    expect(await engine.trigger(backupStart, { sources: ['home'] })).toBe(run)
    const other = await engine.trigger(backupStart, { sources: ['www'] })
    expect(other).not.toBe(run)
    await clock.advance(2 * hourMs)
    await Promise.all([engine.ended(run), engine.ended(other)])
    expect(taken(engine, run)?.without).toBe('patience')
    expect(taken(engine, other)?.without).toBe('patience')
  })

  test('does not wait where somebody has said so, and the record says that', async () => {
    const clock = new ManualClock()
    const engine = await open(await alone(), clock)
    const runs = [
      await engine.trigger(backupStart, { sources: ['home'] }, { noSlot: true }),
      await engine.trigger(copyStart, {}, { noSlot: true }),
    ]
    await Promise.all(runs.map((run) => engine.ended(run)))
    for (const run of runs) {
      expect(awaited(engine, run)).toEqual([])
      const events = engine.bus.events({ runId: run, types: [slotTaken.type] })
      expect(events.map(({ data }) => data)).toEqual([{ server: 'vault1', waitedMs: 0, without: 'passed' }])
    }
    const other = await engine.trigger(backupStart, {})
    await turns()
    expect(awaited(engine, other)).toHaveLength(1)
  })

  test('waits no more where whoever asks for the same has said so', async () => {
    const clock = new ManualClock()
    const engine = await open(await alone(), clock)
    const [run, other] = [
      await engine.trigger(backupStart, {}),
      await engine.trigger(backupStart, { sources: ['www'] }),
    ]
    await clock.advance(hourMs)
    expect(await engine.trigger(backupStart, {}, { noSlot: true })).toBe(run)
    await engine.ended(run)
    expect(standing(engine, run)).toBe('run.succeeded')
    expect(taken(engine, run)).toEqual({ server: 'vault1', waitedMs: hourMs, without: 'passed' })
    expect(standing(engine, other)).toBeUndefined()
    await clock.advance(hourMs)
    await engine.ended(other)
    expect(taken(engine, other)?.without).toBe('patience')
  })

  test('can be cancelled, and nothing of it is begun then', async () => {
    const clock = new ManualClock()
    const engine = await open(await alone(), clock)
    const [backup, copy] = [await engine.trigger(backupStart, {}), await engine.trigger(copyStart, {})]
    await turns()
    expect(awaited(engine, copy)).toHaveLength(1)
    expect(await engine.cancel(backup, 'not needed')).toBe(true)
    expect(await engine.cancel(copy, 'not needed')).toBe(true)
    await Promise.all([engine.ended(backup), engine.ended(copy)])
    await turns()
    expect(standing(engine, backup)).toBe(runCancelled.type)
    await expect.poll(() => engine.busy()).toBe(false)
    await clock.advance(3 * hourMs)
    expect(taken(engine, backup)).toBeUndefined()
    expect(taken(engine, copy)).toBeUndefined()
  })

  test('waits on in the next process, no longer than it would have; also where that has another config', async () => {
    const clock = new ManualClock()
    const server = await alone()
    const first = await open(server, clock)
    const run = await first.trigger(backupStart, {})
    await clock.advance(hourMs)
    await first.stop()
    await clock.advance(hourMs / 2)
    const second = await open(server, clock)
    await clock.advance(hourMs / 4)
    expect(second.busy()).toBe(true)
    expect(standing(second, run)).toBeUndefined()
    await second.stop()
    // The moment passes while nobody is there.
    await clock.advance(hourMs)
    const third = await open(server, clock)
    await third.ended(run)
    expect(standing(third, run)).toBe('run.succeeded')
    expect(awaited(third, run)).toHaveLength(1)

    const waiting = await third.trigger(backupStart, {})
    await turns()
    await third.stop()
    const without = await makeServer()
    const config = await loadConfig({ path: without.config, env: {} })
    const fourth = await openEngine({ config: { ...config, state: join(server.folder, 'state') }, clock })
    onTestFinished(() => fourth?.stop())
    await fourth?.start()
    await fourth?.ended(waiting)
    expect(fourth && standing(fourth, waiting)).toBe('run.succeeded')
  })

  test('waits no longer than its patience where the clock is set back', async () => {
    const clock = new ManualClock()
    const server = await alone()
    const first = await open(server, clock)
    const run = await first.trigger(backupStart, {})
    await turns()
    await first.stop()
    clock.set(-24 * hourMs)
    const second = await open(server, clock)
    await clock.advance(2 * hourMs)
    await second.ended(run)
    expect(taken(second, run)?.without).toBe('patience')
  })
})

test('without a slot in the config nothing waits', async () => {
  const engine = await open(await makeServer(), new ManualClock())
  for (const noSlot of [false, true]) {
    const run = await engine.trigger(backupStart, {}, { noSlot })
    await engine.ended(run)
    expect([...awaited(engine, run), taken(engine, run)]).toEqual([undefined])
  }
})
