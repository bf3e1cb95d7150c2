import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectDaemon } from '../../../../../runtime/cli/daemon/client.ts'
import { makeServer } from '../night.ts'
import { hdsync, makeSlowServer, type Started, serve } from '../processes.ts'

const copies = (daemon: Started) => expect.poll(daemon.said).toContain('copies')

test('a run that is asked for on the command line is done by the daemon, and followed', async () => {
  const server = await makeServer()
  const daemon = await serve(server)
  const run = hdsync(server, 'run', 'home', '--json')
  const { code, out } = await run.ended
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    state: 'succeeded',
    sources: [{ source: 'home', filesTransferred: 1 }],
  })
  expect(run.said()).toMatch(/home {2}mirror done: 1 file,/)
  await expect.poll(daemon.said).toMatch(/home {2}mirror done: 1 file,/)
  daemon.child.kill('SIGTERM')
  expect((await daemon.ended).code).toBe(0)
})

test('while a run is going on, another one is not begun, and a second daemon neither', async () => {
  const server = await makeSlowServer()
  const daemon = await serve(server)
  const run = hdsync(server, 'run')
  await copies(daemon)
  const second = hdsync(server, 'run')
  expect((await second.ended).code).toBe(4)
  expect(second.said()).toMatch(/^hdsync: run \w+ is going on: nothing was started/m)
  const twin = hdsync(server, 'serve')
  expect((await twin.ended).code).toBe(4)
  expect(twin.said()).toContain(`another hdsync (process ${daemon.child.pid}) is at work`)
  server.letGo()
  expect((await run.ended).code).toBe(0)
})

test('Ctrl-C on the command line cancels the run in the daemon', async () => {
  const server = await makeSlowServer()
  const daemon = await serve(server)
  const run = hdsync(server, 'run', '--json')
  await copies(daemon)
  run.child.kill('SIGINT')
  const { code, out } = await run.ended
  expect([code, JSON.parse(out).state]).toEqual([130, 'cancelled'])
  expect(JSON.parse(out).sources[0].error).toContain('cancelled by Ctrl-C')
  expect(daemon.child.exitCode).toBeNull()
})

test('a daemon that is stopped ends its run in order, and who follows it sees that', async () => {
  const server = await makeSlowServer()
  const daemon = await serve(server)
  const run = hdsync(server, 'run', '--json')
  await copies(daemon)
  daemon.child.kill('SIGTERM')
  expect((await daemon.ended).code).toBe(0)
  const { out } = await run.ended
  expect(JSON.parse(out)).toMatchObject({
    state: 'cancelled',
    sources: [{ error: expect.stringContaining('hdsync serve was stopped') }, { state: 'cancelled' }],
  })
})

test('the config is read again when it has changed, and a wrong one is not taken', async () => {
  const server = await makeServer()
  const daemon = await serve(server)
  const before = readFileSync(server.config, 'utf8')
  writeFileSync(
    server.config,
    before.replace('sources:\n', `sources:\n  more: { path: ${server.folder}/more, target: disk }\n`),
  )
  mkdirSync(join(server.folder, 'more'))
  // Its own reading comes first: no signal is needed.
  expect(JSON.parse((await hdsync(server, 'run', '--json').ended).out).sources).toHaveLength(3)
  appendFileSync(server.config, 'nonsense: 1\n')
  daemon.child.kill('SIGHUP')
  await expect.poll(daemon.said).toContain('the config is not taken, the old one stays')
  writeFileSync(server.config, before)
  daemon.child.kill('SIGHUP')
  await expect.poll(daemon.said).toContain('goes on with')
  expect(JSON.parse((await hdsync(server, 'run', '--json').ended).out).sources).toHaveLength(2)
})

test('it leaves when nothing has gone on for a while, or when it is told to once nothing is going on', async () => {
  const server = await makeSlowServer()
  const idle = await serve(server, '--exit-when-idle', '200ms')
  expect((await idle.ended).code).toBe(0)
  expect(idle.said()).toContain('stops: nothing is left to do')

  const daemon = await serve(server)
  const run = hdsync(server, 'run')
  await copies(daemon)
  daemon.child.kill('SIGUSR2')
  server.letGo()
  expect((await run.ended).code).toBe(0)
  expect((await daemon.ended).code).toBe(0)
})

test('a daemon that dies leaves a socket that nobody answers on, and commands do without it', async () => {
  const server = await makeServer()
  const daemon = await serve(server)
  daemon.child.kill('SIGKILL')
  await daemon.ended
  expect(await connectDaemon({ state: join(server.folder, 'state') })).toBeUndefined()
  expect((await hdsync(server, 'run').ended).code).toBe(0)
  await serve(server)
})

test('a daemon that works by another config is not asked', async () => {
  const server = await makeServer()
  await serve(server)
  const other = join(server.folder, 'other.yaml')
  writeFileSync(other, `${readFileSync(server.config, 'utf8')}\n# another\n`, { mode: 0o600 })
  const run = hdsync({ ...server, config: other }, 'run')
  expect((await run.ended).code).toBe(2)
  expect(run.said()).toContain(`works by ${server.config}, not by ${other}`)
})

test.for([
  [['--exit-when-idle', 'soon'], /--exit-when-idle soon is not a duration/],
  [['--config', '/nowhere.yaml'], /\/nowhere.yaml/],
] as const)('refuses %j', async ([args, message]) => {
  const daemon = hdsync(await makeServer(), 'serve', ...args)
  expect((await daemon.ended).code).toBe(2)
  expect(daemon.said()).toMatch(message)
})
