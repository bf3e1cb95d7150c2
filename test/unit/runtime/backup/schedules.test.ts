import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { functionOverdue } from '../../../../events/index.ts'
import { describeFunctions } from '../../../../runtime/backup/describe-function.ts'
import type { Engine } from '../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { ManualClock, turns } from '../../manual-clock.ts'
import { makeServer, type Server } from '../cli/night.ts'

const minuteMs = 60_000

async function makeServerWith(run: string): Promise<Server> {
  const server = await makeServer()
  writeFileSync(
    join(server.folder, 'functions/tidy.ts'),
    `import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineFunction } from 'hdsync'
export default defineFunction({ schedule: 'every 15m', emits: [], timeout: '9h', retry: { limit: 1 }, ${run} })`,
  )
  return server
}

async function open({ config }: Server, clock: ManualClock): Promise<Engine> {
  const engine = await openEngine({
    config: await loadConfig({ path: config, env: {} }),
    clock,
    schedules: true,
  })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop().catch(() => {}))
  await engine.start()
  return engine
}

/** Each turn: how many minutes after the start it was due, and how many were missed before it. */
function turnsOf({ bus }: Engine): [number, number][] {
  return bus
    .events({ types: ['schedule.due'] })
    .map(({ data }) => data as { at: string; missed: number })
    .map(({ at, missed }) => [(Date.parse(at) - Date.UTC(2026, 0, 1)) / minuteMs, missed])
}

/** Functions run in a process of their own: what is owed is waited for. */
const settle = (engine: Engine) => expect.poll(() => engine.bus.open(), { timeout: 60_000 }).toEqual([])

const saying = `run({ data }, { log }) { log.info(data.function + ' at ' + data.at) }`

test('a function has its turn when its schedule says so, each a run of its own', async () => {
  const clock = new ManualClock()
  const engine = await open(await makeServerWith(saying), clock)
  expect(turnsOf(engine)).toEqual([])
  expect(engine.nextDue()).toBe(clock.now() + 15 * minuteMs)
  for (let n = 0; n < 3; n++) {
    await clock.advance(15 * minuteMs)
    await settle(engine)
  }
  expect(turnsOf(engine)).toEqual([
    [15, 0],
    [30, 0],
    [45, 0],
  ])
  expect(engine.journal.said({ function: 'tidy' }).map(({ message }) => message)).toContain(
    'tidy at 2026-01-01T00:15:00.000Z',
  )
  expect(engine.journal.runs(9, 'schedule.due')).toHaveLength(3)
  const [described] = describeFunctions(engine.registry).filter(({ name }) => name === 'tidy')
  expect(described).toMatchObject({ schedule: 'every 15m', on: ['schedule.due'] })
})

test('after an outage there is one turn for all that were missed', async () => {
  const clock = new ManualClock()
  const server = await makeServerWith(saying)
  const first = await open(server, clock)
  await clock.advance(15 * minuteMs)
  await settle(first)
  await first.stop()
  await clock.advance(5 * 60 * minuteMs)
  const second = await open(server, clock)
  await settle(second)
  expect(turnsOf(second)).toEqual([
    [15, 0],
    [315, 19],
  ])
})

test('a turn that takes long is not joined by the next one', async () => {
  const clock = new ManualClock()
  const server = await makeServerWith(
    `async run(_, { config }) { while (!existsSync(config.state + '/go')) await sleep(20) }`,
  )
  const engine = await open(server, clock)
  for (let n = 0; n < 3; n++) {
    await clock.advance(15 * minuteMs)
    await turns(20)
  }
  writeFileSync(join(server.folder, 'state/go'), '')
  await settle(engine)
  for (let n = 0; n < 2; n++) {
    await clock.advance(15 * minuteMs)
    await settle(engine)
  }
  expect(turnsOf(engine)).toEqual([
    [15, 0],
    [60, 0],
    [75, 0],
  ])
})

test('one that ends badly twice is told of as overdue, once', async () => {
  const clock = new ManualClock()
  const engine = await open(await makeServerWith(`run() { throw new Error('kaputt') }`), clock)
  const told = () => engine.bus.events({ types: [functionOverdue.type] }).map(({ data }) => data)
  await clock.advance(15 * minuteMs)
  await settle(engine)
  expect(told()).toEqual([])
  for (let n = 0; n < 4; n++) {
    await clock.advance(3 * 60 * minuteMs)
    await settle(engine)
  }
  expect(told()).toEqual([
    {
      function: 'tidy',
      schedule: 'every 15m',
      lastSuccessAt: null,
      firstSeenAt: '2026-01-01T00:00:00.000Z',
    },
  ])
})

test('a process that does one thing heeds no schedule', async () => {
  const clock = new ManualClock()
  const server = await makeServerWith(saying)
  const engine = await openEngine({ config: await loadConfig({ path: server.config, env: {} }), clock })
  await engine?.start()
  await clock.advance(60 * minuteMs)
  expect(engine && turnsOf(engine)).toEqual([])
  await engine?.stop()
})
