import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cancelCommand } from '../../../../runtime/cli/commands/cancel.ts'
import { emitCommand } from '../../../../runtime/cli/commands/emit.ts'
import { showCommand } from '../../../../runtime/cli/commands/show.ts'
import { connectDaemon } from '../../../../runtime/cli/daemon/client.ts'
import { lockHolder } from '../../../../runtime/core/bus/sqlite/lock-holder.ts'
import { makeServer, printed, type Server } from './night.ts'
import { makeSlowServer, type Started, serve } from './processes.ts'

const state = ({ folder }: Server) => join(folder, 'state')

async function emit({ config }: Server, data = '{}'): Promise<string> {
  const io = printed()
  await emitCommand('backup.start', { config, data }, io)
  return io.out.trim()
}

async function show({ config }: Server, run: string) {
  const io = printed()
  await showCommand(run, { config, json: true }, io)
  return JSON.parse(io.out)
}

/** A daemon in the middle of a run, which does not end by itself. */
async function runningDaemon(): Promise<{
  server: Awaited<ReturnType<typeof makeSlowServer>>
  daemon: Started
  run: string
}> {
  const server = await makeSlowServer()
  const daemon = await serve(server)
  const run = await emit(server)
  await expect.poll(daemon.said).toContain('copies')
  return { server, daemon, run }
}

/** A third source is in the config from now on. */
function addSource({ folder, config }: Server): void {
  mkdirSync(join(folder, 'more'))
  writeFileSync(join(folder, 'more', 'file'), 'more')
  const more = `sources:\n  more: { path: ${folder}/more, target: disk }\n`
  writeFileSync(config, readFileSync(config, 'utf8').replace('sources:\n', more))
}

test('a config that is to be taken after a run keeps no stop waiting, however often it was asked for', async () => {
  const { server, daemon, run } = await runningDaemon()
  addSource(server)
  daemon.child.kill('SIGHUP')
  await expect.poll(daemon.said).toContain(`takes ${server.config} as it is now once run ${run} has ended`)
  appendFileSync(server.config, 'nonsense: 1\n')
  daemon.child.kill('SIGHUP')
  await expect.poll(daemon.said).toContain('the config is not taken, the old one stays')
  daemon.child.kill('SIGTERM')
  await expect.poll(daemon.said).toContain('stops: SIGTERM')
  daemon.child.kill('SIGHUP')
  // Or it would be given five seconds to end.
  server.letGo()
  expect((await daemon.ended).code).toBe(0)
  expect(daemon.said()).not.toContain('goes on with')
  expect(lockHolder(state(server))).toBeUndefined()
})

test('after an edit of the config a run can be cancelled at once, and others be asked for, which begin with it', async () => {
  const { server, daemon, run } = await runningDaemon()
  addSource(server)
  const next = await emit(server, '{"sources":["more"]}')
  const another = await emit(server)
  const client = await connectDaemon({ state: state(server) })
  expect(await client?.get('/status')).toMatchObject({ run })
  const io = printed()
  expect(await cancelCommand(run, { config: server.config, json: true }, io)).toBe(0)
  expect(JSON.parse(io.out)).toMatchObject({ run, state: 'cancelled', sources: [{}, {}] })
  server.letGo()
  await expect
    .poll(() => show(server, next))
    .toMatchObject({ state: 'succeeded', sources: [{ source: 'more' }] })
  await expect.poll(() => show(server, another)).toMatchObject({ state: 'succeeded', sources: [{}, {}, {}] })
  await expect.poll(daemon.said).toContain(`goes on with ${server.config} as it is now`)
})

test('a daemon that leaves once its run has ended takes no other config before, and can still be stopped', async () => {
  const { server, daemon } = await runningDaemon()
  daemon.child.kill('SIGUSR2')
  // Of two signals the kernel delivers the lower number first.
  const client = await connectDaemon({ state: state(server) })
  await client?.get('/status')
  daemon.child.kill('SIGHUP')
  await expect.poll(daemon.said).toContain('hdsync serve is being stopped')
  daemon.child.kill('SIGTERM')
  server.letGo()
  expect((await daemon.ended).code).toBe(0)
  expect(daemon.said()).not.toContain('goes on with')
  expect(lockHolder(state(server))).toBeUndefined()
})

test('whoever asks a daemon to stop twice has not to wait, and leaves the rest to the next start', async () => {
  const { server, daemon, run } = await runningDaemon()
  daemon.child.kill('SIGHUP')
  await expect.poll(daemon.said).toContain('once run')
  daemon.child.kill('SIGTERM')
  await expect.poll(daemon.said).toContain('stops: SIGTERM')
  daemon.child.kill('SIGTERM')
  expect((await daemon.ended).code).toBe(1)
  server.letGo()
  await serve(server)
  expect(await show(server, run)).toMatchObject({ state: 'failed' })
})

test('a daemon shows and says what runs once a function has changed, without being told to look', async () => {
  const server = await makeServer()
  const text = (timeout: string) => `import { defineFunction, runFailed } from 'hdsync'
    export default defineFunction({ on: runFailed, emits: [], timeout: '${timeout}', run() {} })`
  const write = (said: string) =>
    writeFileSync(join(server.folder, 'functions/lamp.ts'), said, { mode: 0o600 })
  write(text('2s'))
  const daemon = await serve(server)
  const client = await connectDaemon({ state: state(server) })
  const shown = async () => ((await client?.get('/functions')) as { name: string }[] | undefined)?.at(-1)
  expect(await shown()).toMatchObject({ name: 'lamp', timeoutMs: 2000 })
  write(text('3s'))
  expect(await shown()).toMatchObject({ name: 'lamp', timeoutMs: 3000 })
  await expect
    .poll(daemon.said)
    .toContain(`goes on with the functions in ${server.folder}/functions as they are now`)
  write('{{{')
  expect(await shown()).toMatchObject({ name: 'lamp', error: expect.any(String) })
  await expect.poll(daemon.said).toContain('the function lamp is left out')
})

test('functions that go on for ever keep no backup, no other config and no stop waiting', async () => {
  const server = await makeServer()
  const text = `import { defineEvent, defineFunction, z } from 'hdsync'
    const go = defineEvent('loop.go', z.strictObject({}), { triggerable: true })
    export default defineFunction({ on: go, emits: [], run(_, { start }) { start(go, {}, { dedupe: false }) } })`
  writeFileSync(join(server.folder, 'functions/loop.ts'), text, { mode: 0o600 })
  const daemon = await serve(server)
  const loop = printed()
  await emitCommand('loop.go', { config: server.config }, loop)
  expect(await ended(server, loop.out.trim())).toBe('succeeded')
  expect(await ended(server, await emit(server))).toBe('succeeded')
  addSource(server)
  daemon.child.kill('SIGHUP')
  await expect.poll(daemon.said).toContain(`goes on with ${server.config} as it is now`)
  const run = await emit(server)
  // It has its sources once it has begun.
  await expect.poll(async () => (await show(server, run)).sources).toHaveLength(3)
  daemon.child.kill('SIGTERM')
  expect((await daemon.ended).code).toBe(0)
})

async function ended(server: Server, run: string): Promise<string> {
  await expect.poll(() => show(server, run)).toMatchObject({ endedAt: expect.any(String) })
  return (await show(server, run)).state
}
