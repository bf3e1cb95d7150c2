import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Engine } from '../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../runtime/backup/open-engine.ts'
import { functionsCommand } from '../../../../runtime/cli/commands/functions.ts'
import { switchFunctionCommand } from '../../../../runtime/cli/commands/functions-switch.ts'
import { statusCommand } from '../../../../runtime/cli/commands/status.ts'
import { whyCommand } from '../../../../runtime/cli/commands/why.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { UsageError } from '../../../../runtime/errors.ts'
import { ManualClock } from '../../manual-clock.ts'
import { makeServer, printed, type Server } from './night.ts'

const pinged = `import { defineEvent, defineFunction, TerminalError, z } from 'hdsync'
const pinged = defineEvent('host.pinged', z.strictObject({ n: z.int() }), { triggerable: true })
export default defineFunction({ on: pinged, emits: [], retry: { limit: 2, minDelayMs: 60_000 }, run({ data }, { log }) {
  log.info('heard ' + data.n)
  if (data.n < 0) throw new Error('below zero')
  if (data.n === 0) throw new TerminalError('zero')
} })`

const put = ({ folder }: Server, name: string, text: string) =>
  writeFileSync(join(folder, 'functions', `${name}.ts`), text)

async function makePinged(): Promise<Server> {
  const server = await makeServer()
  put(server, 'tell', pinged)
  return server
}

async function toggle({ config }: Server, name: string, disabled: boolean, json = false): Promise<string> {
  const io = printed()
  expect(await switchFunctionCommand(name, disabled, { config, json }, io)).toBe(0)
  return io.out
}

async function refusal(server: Server, name: string, disabled = true): Promise<string> {
  const error = await toggle(server, name, disabled).catch((thrown: unknown) => thrown)
  if (!(error instanceof UsageError)) throw new Error(`not refused: ${error}`)
  return `${error.message}\n${error.hint}`
}

async function open({ config }: Server, clock?: ManualClock): Promise<Engine> {
  const options = { config: await loadConfig({ path: config, env: {} }), schedules: true }
  const engine = await openEngine({ ...options, ...(clock && { clock }) })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop().catch(() => {}))
  await engine.start()
  return engine
}

const ping = (engine: Engine, n: number) => engine.submit({ type: 'host.pinged', data: { n } })
const heard = ({ journal }: Engine) => journal.said({ function: 'tell' }).map(({ message }) => message)
const settled = (engine: Engine) => expect.poll(() => engine.bus.open(), { timeout: 60_000 }).toEqual([])

test('a running hdsync delivers nothing to a function that is disabled, and again once it is enabled', async () => {
  const server = await makePinged()
  const engine = await open(server)
  await ping(engine, 1)
  await settled(engine)
  expect(await toggle(server, 'tell', true)).toBe(
    'tell is disabled: nothing is delivered to it until\n  hdsync functions enable tell\n',
  )
  const { runId } = await ping(engine, 2)
  await settled(engine)
  expect(engine.journal.tallies(runId)).toEqual([])
  expect(await toggle(server, 'tell', true, true)).toBe('{"name":"tell","disabled":true,"changed":false}\n')
  await engine.stop()

  const next = await open(server)
  await ping(next, 3)
  await settled(next)
  expect(await toggle(server, 'tell', false)).toBe('tell is enabled\n')
  await ping(next, 4)
  await settled(next)
  expect(heard(next)).toEqual(expect.arrayContaining(['heard 1', 'heard 4']))
  expect(heard(next)).not.toEqual(expect.arrayContaining(['heard 2']))
  expect(heard(next)).not.toEqual(expect.arrayContaining(['heard 3']))
})

test('what was owed to it is cancelled, and a dead letter waits until it is enabled', async () => {
  const server = await makePinged()
  const clock = new ManualClock()
  const engine = await open(server, clock)
  const { runId } = await ping(engine, -1)
  await expect
    .poll(() => engine.bus.open(runId)[0]?.runAt ?? 0, { timeout: 60_000 })
    .toBeGreaterThan(clock.now())
  await ping(engine, 0)
  await expect.poll(() => engine.journal.dead(), { timeout: 60_000 }).toHaveLength(1)
  await toggle(server, 'tell', true)
  await clock.advance(3_600_000)
  await settled(engine)
  expect(engine.journal.tallies(runId)).toMatchObject([{ state: 'cancelled', error: 'tell is disabled' }])
  const [letter] = engine.journal.dead()
  await expect(engine.redrive(letter?.id ?? 0)).rejects.toThrow('tell is disabled, which dead letter')
})

test('a schedule passes while it is disabled, and is not made up for', async () => {
  const server = await makeServer()
  put(
    server,
    'tell',
    `import { defineFunction } from 'hdsync'
export default defineFunction({ schedule: 'every 15m', emits: [], run({ data }, { log }) { log.info('missed ' + data.missed) } })`,
  )
  await toggle(server, 'tell', true)
  const clock = new ManualClock()
  const engine = await open(server, clock)
  for (let n = 0; n < 8; n++) await clock.advance(15 * 60_000)
  expect(engine.bus.events({ types: ['schedule.due', 'function.overdue'] })).toEqual([])
  await toggle(server, 'tell', false)
  await clock.advance(15 * 60_000)
  await settled(engine)
  expect(heard(engine)).toEqual(['missed 0'])
})

test('functions, status and why show it', async () => {
  const server = await makePinged()
  put(
    server,
    'lock',
    `import { defineFunction, snapshotBefore } from 'hdsync'
export default defineFunction({ on: snapshotBefore, emits: [], run() {} })`,
  )
  put(server, 'broken', 'export default {{{')
  for (const name of ['tell', 'lock', 'broken']) await toggle(server, name, true)
  const { config: path } = server
  const shown = async (command: typeof functionsCommand, json: boolean) => {
    const io = printed()
    await command({ config: path, json }, io)
    return io.out
  }
  const rows = JSON.parse(await shown(functionsCommand, true)) as { name: string; disabled?: boolean }[]
  expect(
    rows
      .filter(({ disabled }) => disabled)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['broken', 'lock', 'tell'])
  expect(rows.filter((row) => 'disabled' in row)).toHaveLength(3)
  expect(await shown(functionsCommand, false)).toMatch(/^tell +host\.pinged +(- +)?disabled/m)
  expect(JSON.parse(await shown(statusCommand, true)).disabledFunctions).toEqual(['broken', 'lock', 'tell'])
  const line = 'the functions broken, lock, tell are disabled (hdsync functions enable NAME)\n'
  expect(await shown(statusCommand, false)).toContain(line)
  expect(await shown((options, io) => whyCommand('home', options, io), false)).toContain(line)
})

test("hdsync's own functions and hooks cannot be disabled, nor what is not there", async () => {
  const server = await makePinged()
  expect(await refusal(server, 'sync.run')).toContain(`sync.run is a step of hdsync's own`)
  expect(await refusal(server, 'notify.exec')).toContain('change `notify` in the config')
  expect(await refusal(server, 'tel')).toContain('did you mean `tell`?')
  expect(await refusal(server, 'tel', false)).toContain('there is no function "tel" of your own')
  await toggle(server, 'tell', true)
  rmSync(join(server.folder, 'functions/tell.ts'))
  expect(await toggle(server, 'tell', false)).toBe('tell is enabled\n')
})
