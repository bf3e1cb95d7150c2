import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { backupStart } from '../../../../../events/index.ts'
import type { Engine, EngineOptions } from '../../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { ManualClock } from '../../../manual-clock.ts'
import { makeServer } from '../../cli/night.ts'

/** A server with a function on an event of its own, `lamp.go`, which writes down what it says: a word from a file in `lib`. */
async function makeLamp(options: Partial<EngineOptions> = {}) {
  const server = await makeServer()
  const log = join(server.folder, 'log')
  const write = (file: string, text: string) =>
    writeFileSync(join(server.folder, 'functions', file), text, { mode: 0o600 })
  mkdirSync(join(server.folder, 'functions/lib'), { mode: 0o700 })
  write('lib/word.ts', `export const word = 'one'`)
  write(
    'lib/events.ts',
    `import { defineEvent, z } from 'hdsync'
    export const go = defineEvent('lamp.go', z.strictObject({ wait: z.string().optional() }), { triggerable: true })`,
  )
  const lamp = (name: string, said: string) =>
    `import { appendFileSync, existsSync } from 'node:fs'
    import { setTimeout as sleep } from 'node:timers/promises'
    import { defineFunction } from 'hdsync'
    import { go } from './lib/events.ts'
    import { word } from './lib/word.ts'
    export default defineFunction({
      on: go,
      emits: [],
      async run({ data: { wait } }) {
        if (wait) appendFileSync('${log}', 'begun\\n')
        while (wait && !existsSync(wait)) await sleep(10)
        appendFileSync('${log}', '${name} ${said} ' + word + '\\n')
      },
    })`
  write('lamp.ts', lamp('lamp', 'says'))
  const told: string[] = []
  const engine = (await openEngine({
    config: await loadConfig({ path: server.config, env: {} }),
    onFunctions: ({ failures }) => told.push(failures.map(({ name }) => name).join()),
    ...options,
  })) as Engine
  onTestFinished(() => engine.stop())
  await engine.start()
  const go = async (data = {}) => (await engine.submit({ type: 'lamp.go', source: '/test', data })).runId
  const said = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
  /** What an event has had said. */
  const say = async () => {
    rmSync(log, { force: true })
    await engine.ended(await go())
    return said().sort()
  }
  return { ...server, write, lamp, engine, told, go, say, said }
}

test('changed functions, and what they import, are in use with the next event', async () => {
  const { write, lamp, say, told, engine, folder } = await makeLamp()
  expect(await say()).toEqual(['lamp says one'])
  write('lib/word.ts', `export const word = 'two'`)
  expect(await say()).toEqual(['lamp says two'])
  write('lamp.ts', lamp('lamp', 'calls'))
  write('bell.ts', lamp('bell', 'rings'))
  expect(await say()).toEqual(['bell rings two', 'lamp calls two'])
  rmSync(join(folder, 'functions/lamp.ts'))
  expect(await say()).toEqual(['bell rings two'])
  expect(engine.registry.functions.flatMap(({ guest, name }) => (guest ? name : []))).toEqual(['bell'])
  expect(told).toEqual(['', '', ''])
})

test('a delivery that is going on ends with the code that it began with', async () => {
  const { write, engine, go, said, folder } = await makeLamp()
  const first = await go({ wait: join(folder, 'go') })
  await vi.waitFor(() => expect(said()).toEqual(['begun']), { timeout: 60_000 })
  write('lib/word.ts', `export const word = 'two'`)
  await engine.ended(await go())
  expect(said()).toEqual(['begun', 'lamp says two'])
  writeFileSync(join(folder, 'go'), '')
  await engine.ended(first)
  expect(said()).toEqual(['begun', 'lamp says two', 'lamp says one'])
})

test('a delivery that was owed before the change is made with what is there by then', async () => {
  const { write, engine, lamp, said } = await makeLamp()
  const failing = lamp('lamp', 'says').replace('async run', `retry: { minDelayMs: 2000 }, async run`)
  write('lamp.ts', failing.replace('if (wait)', `throw new Error('not yet')\nif (wait)`))
  const { runId } = await engine.submit({ type: 'lamp.go', source: '/test', data: {} })
  await vi.waitFor(() => expect(engine.bus.open(runId)).toMatchObject([{ tries: 1, state: 'ready' }]), {
    timeout: 60_000,
  })
  write('lamp.ts', failing)
  await engine.ended(runId)
  expect(said()).toEqual(['lamp says one'])
})

test('nothing is loaded again for files that only look new', async () => {
  const { engine, say, told, folder, write } = await makeLamp()
  utimesSync(join(folder, 'functions/lamp.ts'), 1, 1)
  write('lib/word.ts', `export const word = 'one'`)
  write('notes.md', 'one')
  expect(await say()).toEqual(['lamp says one'])
  expect(told).toEqual([])
  expect(engine.registry.refresh()).toBeUndefined()
})

test('a file that is broken by a change leaves its function out, and runs are degraded until it is right', async () => {
  const { write, lamp, engine, say, told } = await makeLamp()
  const backUp = async () => {
    const run = await engine.trigger(backupStart, {})
    await engine.ended(run)
    return engine.bus.events({ runId: run }).at(-1)?.type
  }
  write('bell.ts', lamp('bell', 'rings'))
  write('lamp.ts', 'export default {{{')
  expect(await say()).toEqual(['bell rings one'])
  expect(told).toEqual(['lamp'])
  expect(await backUp()).toBe('run.degraded')
  write('lamp.ts', lamp('lamp', 'says'))
  expect(await backUp()).toBe('run.succeeded')
  expect(await say()).toEqual(['bell rings one', 'lamp says one'])
})

test('functions that come where there were none are in use with the next event', async () => {
  const { folder, write, lamp, say, engine } = await makeLamp()
  const text = lamp('lamp', 'says')
  rmSync(join(folder, 'functions/lamp.ts'))
  await engine.refreshed()
  expect(engine.registry.functions.some(({ guest }) => guest)).toBe(false)
  write('lamp.ts', text)
  expect(await say()).toEqual(['lamp says one'])
})

test('a folder that cannot be read any more changes nothing, and that is said once', async () => {
  const warnings: string[] = []
  const onWarning = (message: string) => void warnings.push(message)
  const { folder, engine, say } = await makeLamp({ observer: { onWarning } })
  expect(await say()).toEqual(['lamp says one'])
  rmSync(join(folder, 'functions'), { recursive: true })
  writeFileSync(join(folder, 'functions'), 'no folder')
  for (const _ of [1, 2]) await engine.refreshed()
  expect(engine.registry.get('lamp')).toBeDefined()
  expect(warnings).toEqual([
    expect.stringMatching(/^the functions are not loaded again: cannot read .*ENOTDIR/),
  ])
})

test('a schedule that is new is noticed within a minute, when nothing else goes on', async () => {
  const clock = new ManualClock()
  const { write, engine } = await makeLamp({ clock, schedules: true })
  expect(engine.nextDue()).toBeUndefined()
  const text = `import { defineFunction } from 'hdsync'
    export default defineFunction({ schedule: 'every 1h', emits: [], run() {} })`
  write('hourly.ts', text)
  await clock.advance(60_000)
  await vi.waitFor(() => expect(engine.nextDue()).toBeGreaterThan(clock.now()), { timeout: 60_000 })
})

test('the chain of a backup waits for no function that takes long to load', async () => {
  const { write, engine, folder } = await makeLamp()
  const run = await engine.trigger(backupStart, {})
  const go = join(folder, 'go')
  write(
    'slow.ts',
    `import { existsSync } from 'node:fs'
    while (!existsSync('${go}')) await new Promise((resolve) => setTimeout(resolve, 10))
    throw new Error('slow')`,
  )
  const pending = engine.registry.refresh()
  expect(pending).toBeDefined()
  await engine.ended(run)
  expect(engine.registry.refresh()).toBe(pending)
  expect(existsSync(join(folder, 'disk/www/file'))).toBe(true)
  writeFileSync(go, '')
  await pending
  expect(engine.registry.failures).toMatchObject([{ name: 'slow', message: 'slow' }])
})
