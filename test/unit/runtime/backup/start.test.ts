import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { backupStart } from '../../../../events/index.ts'
import type { Engine } from '../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { ManualClock } from '../../manual-clock.ts'
import { makeServer, type Server } from '../cli/night.ts'

const root = join(import.meta.dirname, '../../../..')
const minuteMs = 60_000

/** Writes a function of the user's. */
function write({ folder }: Server, name: string, text: string): void {
  writeFileSync(join(folder, `functions/${name}.ts`), text)
}

async function openOn(server: Server, clock: ManualClock): Promise<Engine> {
  const engine = await openEngine({ config: await loadConfig({ path: server.config, env: {} }), clock })
  if (!engine) throw new Error('another hdsync is at work')
  await engine.start()
  return engine
}

const backups = (engine: Engine) => engine.journal.runs(9).map(({ end }) => end?.type)

/** Moves the clock in small steps, so that what is delayed by a moment goes on. */
async function endOf(engine: Engine, run: string, clock: ManualClock): Promise<void> {
  const ended = engine.ended(run).then(() => true)
  while (!(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))])))
    await clock.advance(200)
}

test('the example: a source that has failed is backed up again in ten minutes, and not twice', async () => {
  const server = await makeServer()
  const text = readFileSync(join(root, 'deploy/examples/functions/retry-source.ts'), 'utf8')
  write(server, 'retry-source', text)
  rmSync(join(server.folder, 'home'), { recursive: true })
  const clock = new ManualClock()
  const engine = await openOn(server, clock)
  await endOf(engine, await engine.trigger(backupStart, {}), clock)
  await endOf(engine, await engine.trigger(backupStart, {}), clock)
  // The run that waits was asked for between the two.
  await expect.poll(() => backups(engine)).toEqual(['run.failed', undefined, 'run.failed'])
  expect(engine.current()).toBeUndefined()
  await expect.poll(() => (engine.nextDue() ?? 0) - clock.now()).toBeGreaterThan(9 * minuteMs)
  // What waits outlasts the process, and its moment does too.
  await engine.stop()
  const next = await openOn(server, clock)
  await clock.advance(8 * minuteMs)
  expect(next.current()).toBeUndefined()
  mkdirSync(join(server.folder, 'home'))
  writeFileSync(join(server.folder, 'home/file'), 'again')
  await clock.advance(2 * minuteMs)
  const waiting = next.journal.unended()[0] as string
  await endOf(next, waiting, clock)
  expect(next.journal.run(waiting)?.end).toMatchObject({
    type: 'run.succeeded',
    data: { sources: [{ source: 'home' }] },
  })
  await next.stop()
})

test('a run that waits for its moment can be cancelled, and took nothing', async () => {
  const server = await makeServer()
  write(
    server,
    'later',
    `import { backupStart, defineEvent, defineFunction, z } from 'hdsync'
const go = defineEvent('later.go', z.strictObject({}), { triggerable: true })
export default defineFunction({ on: go, emits: [], run(_, { start }) { start(backupStart, {}, { delay: '1h' }) } })`,
  )
  const clock = new ManualClock()
  const engine = await openOn(server, clock)
  const { runId } = await engine.submit({ type: 'later.go' })
  await endOf(engine, runId, clock)
  const [run = ''] = engine.journal.unended()
  expect(run).not.toBe(runId)
  expect(await engine.cancel(run, 'cancelled by a test')).toBe(true)
  expect(engine.journal.run(run)?.end).toMatchObject({
    type: 'run.cancelled',
    data: { sources: [{ error: 'cancelled by a test before it began' }, {}] },
  })
  await expect.poll(() => engine.nextDue()).toBeUndefined()
  await engine.stop()
})

test('starts are told apart by their key, or their data', async () => {
  const server = await makeServer()
  write(
    server,
    'many',
    `import { defineEvent, defineFunction, z } from 'hdsync'
const go = defineEvent('many.go', z.strictObject({ start: z.boolean(), dedupe: z.any().optional(), key: z.string().optional() }), { triggerable: true })
export default defineFunction({ on: go, emits: [], run({ data: { start: isStart, ...options } }, { start }) {
  if (isStart) for (const n of [1, 2]) start(go, { start: false, dedupe: n }, { delay: '1h', ...options })
} })`,
  )
  const clock = new ManualClock()
  const engine = await openOn(server, clock)
  const startedBy = async (data: object) => {
    const before = engine.journal.runs(99, 'all').length
    const { runId } = await engine.submit({ type: 'many.go', data: { start: true, ...data } })
    await endOf(engine, runId, clock)
    return engine.journal.runs(99, 'all').length - before - 1
  }
  expect(await startedBy({ dedupe: false })).toBe(2)
  expect(await startedBy({ dedupe: true })).toBe(2)
  expect(await startedBy({ dedupe: true })).toBe(0)
  expect(await startedBy({ key: 'a' })).toBe(1)
  expect(await startedBy({ key: 'a', dedupe: false })).toBe(2)
  expect(await startedBy({ key: 'b', dedupe: '2h' })).toBe(1)
  await clock.advance(90 * minuteMs)
  expect(await startedBy({ key: 'b', dedupe: '2h' })).toBe(0)
  expect(await startedBy({ key: 'a' })).toBe(1)
  await engine.stop()
})

test('a function that emits what begins a run is left out', async () => {
  const server = await makeServer()
  write(
    server,
    'wrong',
    `import { backupStart, defineFunction, sourceFailed } from 'hdsync'
export default defineFunction({ on: sourceFailed, emits: [backupStart], run() {} })`,
  )
  const engine = await openOn(server, new ManualClock())
  expect(engine.registry.failures).toMatchObject([
    { name: 'wrong', message: expect.stringMatching(/^wrong emits backup.start, which begins a run/) },
  ])
  await engine.stop()
})
