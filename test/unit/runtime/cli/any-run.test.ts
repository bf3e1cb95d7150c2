import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Engine } from '../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../runtime/backup/open-engine.ts'
import { cancelCommand } from '../../../../runtime/cli/commands/cancel.ts'
import { newFunctionCommand } from '../../../../runtime/cli/commands/functions-new.ts'
import { logsCommand } from '../../../../runtime/cli/commands/logs.ts'
import { runsCommand } from '../../../../runtime/cli/commands/runs.ts'
import { showCommand } from '../../../../runtime/cli/commands/show.ts'
import { lineView } from '../../../../runtime/cli/view/lines.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { createApp } from '../../../../runtime/http/app.ts'
import { backUp, makeServer, printed, type Server } from './night.ts'

const jobs = `
import { setTimeout as sleep } from 'node:timers/promises'
import { defineEvent, defineFunction, z } from 'hdsync'
const go = defineEvent('job.go', z.strictObject({ how: z.string() }), { triggerable: true })
export default defineFunction({
  on: go,
  emits: [],
  retry: { limit: 2, minDelayMs: 1, maxDelayMs: 1 },
  async run({ data }, { log, signal, start }) {
    if (data.how === 'later') start(go, { how: 'well' }, { delay: '1h' })
    log.info('begins ' + data.how)
    log.warn('a warning')
    if (data.how === 'badly') throw new Error('kaputt')
    if (data.how === 'slowly') await sleep(60_000, undefined, { signal })
  },
})
`

async function withJobs(work: (engine: Engine, server: Server, said: () => string) => Promise<void>) {
  const server = await makeServer()
  writeFileSync(join(server.folder, 'functions/job.ts'), jobs)
  const config = await loadConfig({ path: server.config, env: {} })
  const io = printed()
  const engine = await openEngine({ config, observer: lineView(io, 4) })
  if (!engine) throw new Error('another hdsync is at work')
  try {
    await engine.start()
    await work(engine, server, () => io.err)
  } finally {
    await engine.stop()
  }
}

const begin = async (engine: Engine, how: string) =>
  (await engine.submit({ type: 'job.go', data: { how } })).runId

type Command = (
  options: { config: string; json: boolean },
  io: ReturnType<typeof printed>,
) => Promise<unknown>

async function json({ config }: Server, command: Command) {
  const io = printed()
  await command({ config, json: true }, io)
  return io.out.trim() === '' ? undefined : JSON.parse(io.out)
}

test('every event from outside is a run, with an end, beside the backups', async () => {
  await withJobs(async (engine, server, said) => {
    const [good, bad] = [await begin(engine, 'well'), await begin(engine, 'badly')]
    await Promise.all([engine.ended(good), engine.ended(bad)])
    const show = (run: string) => json(server, (options, io) => showCommand(run, options, io))
    expect(await show(good)).toMatchObject({
      run: good,
      kind: 'job.go',
      state: 'succeeded',
      error: null,
      sources: [],
    })
    expect(await show(bad)).toMatchObject({ state: 'failed', error: 'job: kaputt' })
    const runs = (more: object) =>
      json(server, (options, io) => runsCommand({ ...options, limit: 9, ...more }, io))
    expect(await runs({})).toEqual([])
    expect(await runs({ all: true })).toMatchObject([{ run: bad }, { run: good }])
    expect(await runs({ kind: 'job.go' })).toHaveLength(2)
    expect(await runs({ kind: 'backup' })).toEqual([])
    const text = printed()
    await showCommand(bad, { config: server.config }, text)
    expect(text.out).toMatch(new RegExp(`^run ${bad} job.go failed\n(.*\n)+job: kaputt`))
    // The daemon's log has each failed attempt, each warning and the dead letter.
    expect(said()).toMatch(/job warns: a warning/)
    expect(said()).toMatch(/job failed in attempt 1, next one at [\d:]+: kaputt/)
    expect(said()).toMatch(/job gave up job.go after 2 attempts: kaputt/)
  })
})

test('a run is cancelled at once, and one that had not begun says so', async () => {
  await withJobs(async (engine) => {
    const slow = await begin(engine, 'slowly')
    const later = await begin(engine, 'later')
    await engine.ended(later)
    const waiting = engine.journal.runs(1, 'all')[0]?.id ?? ''
    const app = createApp({
      engine,
      config: await loadConfig({ path: join(engineFolder(engine), 'hdsync.yaml'), env: {} }),
      version: '1',
      trusted: true,
    })
    const ask = async (path: string, init?: RequestInit) =>
      (await app.request(path, { headers: { host: 'localhost' }, ...init })).json()
    await expect.poll(() => engine.dispatcher.inHand).toBe(1)
    expect(await ask(`/runs/${slow}`)).toMatchObject({ state: 'running', kind: 'job.go' })
    expect(await ask('/runs')).toEqual([])
    expect(await ask('/runs?kind=all')).toMatchObject([{ run: waiting }, { run: later }, { run: slow }])
    const stream = app.request(`/runs/${slow}/stream`, { headers: { host: 'localhost' } })
    expect(await engine.cancel(waiting, 'cancelled by a test')).toBe(true)
    expect(await engine.cancel(slow, 'cancelled by a test')).toBe(true)
    await Promise.all([engine.ended(slow), engine.ended(waiting)])
    expect(await ask(`/runs/${slow}`)).toMatchObject({ state: 'cancelled', error: 'cancelled by a test' })
    expect(await ask(`/runs/${waiting}`)).toMatchObject({
      state: 'cancelled',
      error: 'cancelled by a test before it began',
    })
    expect(await engine.cancel(slow, 'again')).toBe(false)
    expect(await (await stream).text()).toMatch(
      /event: event\n[\s\S]*event: end\nid: end\ndata: .*"cancelled"/,
    )
  })
})

test('`cancel` takes back a run of the store on which nobody is at work', async () => {
  const server = await makeServer()
  writeFileSync(join(server.folder, 'functions/job.ts'), jobs)
  const config = await loadConfig({ path: server.config, env: {} })
  const engine = await openEngine({ config })
  const waiting = await begin(engine as Engine, 'well')
  await engine?.stop()
  const io = printed()
  expect(await cancelCommand(waiting, { config: server.config, json: true }, io)).toBe(0)
  expect(JSON.parse(io.out)).toMatchObject({
    state: 'cancelled',
    error: 'cancelled by `hdsync cancel` before it began',
  })
  const text = printed()
  await showCommand(waiting, { config: server.config }, text)
  expect(text.out).toMatch(/never began: asked for/)
})

test('`logs` has what functions said, of a run or a function', async () => {
  await withJobs(async (engine, server) => {
    const [good, bad] = [await begin(engine, 'well'), await begin(engine, 'badly')]
    await Promise.all([engine.ended(good), engine.ended(bad)])
    const logs = async (what: string | undefined, more = {}) => {
      const io = printed()
      await logsCommand(what, { config: server.config, json: true, ...more }, io)
      return io.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    }
    expect((await logs(good)).map(({ level, message }) => `${level} ${message}`)).toEqual([
      'info begins well',
      'warn a warning',
    ])
    expect((await logs(bad)).filter(({ level }) => level === 'error')).toMatchObject([
      { run: bad, function: 'job', event: 'job.go', message: 'kaputt' },
      { message: 'kaputt' },
    ])
    expect(await logs('job')).toHaveLength(8)
    expect(await logs(undefined, { limit: 1 })).toHaveLength(1)
    await expect(logs('nobody')).rejects.toThrow('there is no run "nobody"')
  })
})

test('an event of one’s own is shared by functions, and known to `functions new` and over HTTP', async () => {
  const server = await makeServer()
  const functions = join(server.folder, 'functions')
  mkdirSync(join(functions, 'lib'), { mode: 0o700 })
  const event = `import { defineEvent, z } from 'hdsync'
export const photosArrived = defineEvent('photos.arrived', z.strictObject({ folder: z.string() }), { triggerable: true })`
  writeFileSync(join(functions, 'lib/events.ts'), event, { mode: 0o600 })
  for (const name of ['sort', 'count']) {
    await newFunctionCommand(name, { on: 'photos.arrived', config: server.config }, printed())
    expect(readFileSync(join(functions, `${name}.ts`), 'utf8')).toContain(
      "import { photosArrived } from './lib/events.ts'",
    )
  }
  const config = await loadConfig({ path: server.config, env: {} })
  const engine = (await openEngine({ config })) as Engine
  await engine.start()
  const { runId } = await engine.submit({ type: 'photos.arrived', data: { folder: '/srv/in' } })
  await engine.ended(runId)
  expect(engine.journal.said({ runId }).map((line) => line.function)).toEqual(
    expect.arrayContaining(['count', 'sort']),
  )
  const app = createApp({ engine, config, version: '1', trusted: true })
  const response = await app.request('/openapi.json', { headers: { host: 'localhost' } })
  const document = (await response.json()) as { components: { schemas: object } }
  expect(document.components.schemas).toMatchObject({
    'photos.arrived': { type: 'object', properties: { folder: { type: 'string' } }, required: ['folder'] },
  })
  await engine.stop()
})

test('a backup stays what `last` means', async () => {
  const server = await makeServer()
  writeFileSync(join(server.folder, 'functions/job.ts'), jobs)
  const night = await backUp(server)
  const engine = await openEngine({ config: await loadConfig({ path: server.config, env: {} }) })
  await engine?.submit({ type: 'job.go', data: { how: 'well' } })
  await engine?.stop()
  const shown = await json(server, (options, io) => showCommand('last', options, io))
  expect(shown).toMatchObject({ run: night, kind: 'backup', state: 'succeeded' })
})

function engineFolder(engine: Engine): string {
  return engine.registry.get('job')?.file.replace(/\/functions\/.*/, '') ?? ''
}
