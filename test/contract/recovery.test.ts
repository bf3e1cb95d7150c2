import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import {
  backupFinish,
  backupStart,
  type Envelope,
  runFailed,
  runStarted,
  runSucceeded,
  sourceNext,
  syncRun,
  targetClose,
  targetOpen,
} from '../../events/index.ts'
import { openEngine } from '../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../runtime/config/load.ts'
import { heldBack, type NewDelivery, type Publication, type Settlement } from '../../runtime/core/bus/bus.ts'
import { SqliteBus } from '../../runtime/core/bus/sqlite/bus.ts'
import { makeServer } from '../unit/runtime/cli/night.ts'
import { open } from './open-sqlite.ts'
import { event } from './publication.ts'

const result = { state: 'succeeded', startedAt: '2026-01-01T00:00:00Z', endedAt: '2026-01-01T00:01:00Z' }

interface Left {
  /** Runs that have ended, of nine events each, at a time of their own. */
  ended?: number
  endedAt?: number
  /** One more of last night, and one of tonight. */
  recent?: boolean
  /** Runs that were killed in their first sync, of five events each. */
  interrupted?: number
}

/** The events of a run, from its start on. */
function run(name: string, length: number, at: number): Publication[] {
  const sources = ['home', 'www']
  const whole = { ...result, run: name, sources: [] }
  const chain: [type: string, data: object, owed: boolean][] = [
    [backupStart.type, {}, true],
    [runStarted.type, { sources }, false],
    [targetOpen.type, { sources }, true],
    [sourceNext.type, { rest: sources }, true],
    [syncRun.type, { source: 'home', rest: ['www'] }, true],
    [syncRun.type, { source: 'www', rest: [] }, true],
    [backupFinish.type, {}, true],
    [targetClose.type, { result: whole }, true],
    [runSucceeded.type, whole, false],
  ]
  return chain.slice(0, length).map(([type, data, owed], index) => {
    const fields: Partial<Envelope> = { type, data, runid: name, time: new Date(at).toISOString() }
    const deliveries: NewDelivery[] = owed ? [{ function: type, runAt: 0 }] : []
    return { event: event(`${name} ${index}`, fields), deliveries }
  })
}

/** Leaves a store as a killed process does. @returns How many events are in it. */
async function leave(
  state: string,
  { ended = 0, endedAt = Date.now(), recent = false, interrupted = 0 }: Left,
): Promise<number> {
  const bus = open(state)
  const turn = { now: 1, renew: [], leaseMs: 1e15 }
  const names = (count: number, what: string) =>
    Array.from({ length: count }, (_, number) => `${what}${number}`)
  // How old the others are is told by runs that lie between.
  const weeks = recent
    ? names(14, 'week').map((name, ago) => run(name, 9, Date.now() - ago * 7 * 86_400_000))
    : []
  const done = [...names(ended, 'ended').map((name) => run(name, 9, endedAt)), ...weeks.toReversed()].flat()
  const under = names(interrupted, 'cut').map((name) => run(name, 5, Date.now()))
  await bus.publish([...done, ...under.flatMap((events) => events.slice(0, -1))])
  const { claimed } = await bus.exchange({ ...turn, settle: [], claim: 1e5 })
  const attempt = { startedAt: 0, endedAt: 1 }
  const settle: Settlement[] = claimed.map((delivery) => {
    return { outcome: 'done', delivery, attempt, publications: [] }
  })
  await bus.exchange({ ...turn, settle, claim: 0 })
  // The last one of each is in hand when the power goes.
  await bus.publish(under.flatMap((events) => events.slice(-1)))
  await bus.exchange({ ...turn, settle: [], claim: 1e5 })
  const count = bus.events({}).length
  bus.close()
  return count
}

test.for<[string, Left, { turns: number; ms: number; runs: number }]>([
  ['one interrupted run after many', { ended: 111, interrupted: 1 }, { turns: 10, ms: 20_000, runs: 112 }],
  ['runs to be forgotten', { ended: 112, endedAt: 0, recent: true }, { turns: 10, ms: 20_000, runs: 14 }],
  // No box gets there: each start ends what it finds. Sixteen are ended at a time, in a handful of turns.
  ['interrupted runs and nothing else', { interrupted: 200 }, { turns: 120, ms: 60_000, runs: 200 }],
])('a start on a store of 1,000 stale events sets it right: %s', async ([_, left, most], { annotate }) => {
  const { config: path } = await makeServer()
  const config = await loadConfig({ path, env: {} })
  mkdirSync(config.state)
  expect(await leave(config.state, left)).toBeGreaterThanOrEqual(1000)
  const exchange = vi.spyOn(SqliteBus.prototype, 'exchange')
  onTestFinished(() => exchange.mockRestore())

  const began = performance.now()
  const engine = await openEngine({ config })
  if (!engine) throw new Error('another hdsync is at work')
  await engine.start()
  const turns = exchange.mock.calls.length
  // What is to be forgotten is so at the latest when it stops.
  await engine.stop()
  const ms = performance.now() - began
  await annotate(`${Math.round(ms)} ms in ${turns} turns`)

  expect(turns).toBeLessThanOrEqual(most.turns)
  expect(ms).toBeLessThan(most.ms)
  const next = await openEngine({ config })
  const ends = next?.journal.runs(-1).map(({ end }) => end?.type) ?? []
  await next?.stop()
  expect(ends).toHaveLength(most.runs)
  expect(ends).not.toContain(undefined)
  expect(ends.filter((type) => type === runFailed.type)).toHaveLength(left.interrupted ?? 0)
})

test('a start removes the half-written archive of an interrupted run from a target that it can prove, and nothing else', async () => {
  const { config: path, folder } = await makeServer('archive: { target: disk }')
  const config = await loadConfig({ path, env: {} })
  mkdirSync(config.state)
  await leave(config.state, { interrupted: 1 })
  const day = join(folder, 'disk/Monday')
  mkdirSync(day)
  for (const name of ['.home.tar.zst.hdsync-part', 'home.tar.zst', '.note'])
    writeFileSync(join(day, name), name)
  const engine = await openEngine({ config })
  await engine?.start()
  await engine?.stop()
  expect(readdirSync(day).sort()).toEqual(['.note', 'home.tar.zst'])
})

test('a start asks the store for the same however many runs wait in it', async () => {
  const asked: number[][] = []
  for (const waiting of [10, 3000]) {
    const { config: path } = await makeServer()
    const config = await loadConfig({ path, env: {} })
    mkdirSync(config.state)
    await leave(config.state, { interrupted: 1 })
    const bus = open(config.state)
    const deliveries: NewDelivery[] = [{ function: backupStart.type, runAt: heldBack }]
    const fields = { type: backupStart.type, data: { sources: ['home'], allowDeletions: {} } }
    await bus.publish(
      Array.from({ length: waiting }, (_, n) => ({
        event: event(`wait ${n}`, { ...fields, runid: `wait${n}` }),
        deliveries,
      })),
    )
    bus.close()
    const spies = (['open', 'events', 'holdBack', 'expedite', 'find'] as const).map((name) =>
      vi.spyOn(SqliteBus.prototype, name),
    )
    const engine = await openEngine({ config })
    engine?.hold()
    await engine?.start()
    asked.push(spies.map(({ mock }) => mock.calls.length))
    for (const spy of spies) spy.mockRestore()
    expect(engine?.journal.unended()).toHaveLength(waiting)
    await engine?.stop()
  }
  expect(asked[1]).toEqual(asked[0])
})
