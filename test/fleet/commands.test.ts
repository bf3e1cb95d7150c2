import { randomBytes } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { GivenCommand } from '../../runtime/backup/fleet/commands/given.ts'
import { lockHolder } from '../../runtime/core/bus/sqlite/lock-holder.ts'
import { connectToBroker } from '../../runtime/host/fleet/connection.ts'
import { hostDoor } from '../../runtime/host/fleet/credentials.ts'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { type Fleet, type Machine, makeFleet } from './fleet.ts'
import { natsForTests } from './nats-server.ts'
import { commandsSent } from './sent.ts'

const { program, missing } = await natsForTests()

async function startedFleet() {
  const hub = await makeFleet(program)
  await hub.broker.start()
  return { hub, daemon: await hub.serve() }
}

async function asked(hub: Fleet, words: readonly string[], code: number): Promise<GivenCommand[]> {
  return JSON.parse((await hub.ok(['fleet', 'run', ...words, '--json'], code)).out)
}

/** The runs that a host has made, the newest first. */
async function runsOf(host: Machine): Promise<string[]> {
  const runs: { run: string }[] = JSON.parse((await host.ok(['runs', '--json'])).out)
  return runs.map(({ run }) => run)
}

/** How the last command of a host stands. */
async function lastOf(hub: Fleet, name: string) {
  const host = (await hub.status()).find((one) => one.host === name)
  return host?.commands.find(({ type }) => type !== 'command.cancel')
}

describe.skipIf(missing)(`a hub and what it asks of its hosts${missing}`, () => {
  test('each does what it obeys, and refuses the rest in words that the hub sees', async () => {
    const { hub } = await startedFleet()
    const [web1, web2] = [await hub.host('web1', ['backup.start']), await hub.host('web2')]
    await Promise.all([web1.serve(), web2.serve()])
    const commands = await asked(hub, ['--all'], 1)
    expect(commands).toMatchObject([
      { host: 'web1', type: 'backup.start', state: 'succeeded', reason: null },
      {
        ...{ host: 'web2', type: 'backup.start', state: 'refused', run: null },
        reason: 'this host obeys nothing, not backup.start: `fleet.obeys` in its config',
      },
    ])
    expect(await runsOf(web1)).toEqual([commands[0]?.run])
    expect(await runsOf(web2)).toEqual([])
    expect((await hub.run('fleet', 'status')).out).toContain('web2: backup.start: refused: this host obeys')
    // By label, and something else than a backup.
    expect(await asked(hub, ['--label', 'web', '--verify'], 1)).toMatchObject([
      { host: 'web1', type: 'verify.start', state: 'refused' },
      { host: 'web2', type: 'verify.start', state: 'refused' },
    ])
    for (const words of [[], ['web1', '--all'], ['web3'], ['web1', '--verify', '--drill']])
      await hub.ok(['fleet', 'run', ...words], 2)
  })

  test('one that is off gets it when it is back, the hub and its server too', async () => {
    const { hub, daemon } = await startedFleet()
    const web1 = await hub.host('web1', ['backup.start'])
    const [command] = await asked(hub, ['web1', '--patience', '1s'], 3)
    expect(command).toMatchObject({ state: 'waiting', run: null })
    await daemon.kill()
    await hub.broker.kill()
    const host = await web1.serve()
    await hub.broker.start()
    await hub.serve()
    await expect.poll(() => lastOf(hub, 'web1')).toMatchObject({ id: command?.id, state: 'succeeded' })
    expect(await runsOf(web1)).toHaveLength(1)
    await host.kill('SIGTERM')
  })

  test('what was cancelled is not done any more, whoever has it sent again', async () => {
    const { hub } = await startedFleet()
    const web1 = await hub.host('web1', ['backup.start'])
    await asked(hub, ['web1', '--patience', '1s'], 3)
    await hub.ok(['fleet', 'cancel', 'web1'])
    await expect.poll(() => lastOf(hub, 'web1')).toMatchObject({ state: 'withdrawn' })
    await web1.serve()
    await expect
      .poll(() => lastOf(hub, 'web1'))
      .toMatchObject({ state: 'refused', reason: 'the hub has withdrawn it' })
    await sendAgain(hub, 'web1')
    await asked(hub, ['web1'], 0)
    expect(await runsOf(web1)).toHaveLength(1)
  })

  test('what goes on is cancelled on its host, and what waits for one whose rights are taken ends', async () => {
    const { hub } = await startedFleet()
    const web1 = await hub.host('web1', ['backup.start'])
    await hub.host('web2', ['backup.start'])
    // It takes ten minutes unless somebody ends it.
    writeFileSync(join(web1.folder, 'home', 'large'), randomBytes(40 * 2 ** 20))
    appendFileSync(web1.config, 'limits: { read: 64K }\n')
    await web1.serve()
    const running = asked(hub, ['web1', 'web2', '--patience', '1s'], 3)
    await expect.poll(() => lastOf(hub, 'web1'), { timeout: 20_000 }).toMatchObject({ state: 'taken' })
    await hub.ok(['fleet', 'cancel', 'web1'])
    expect(await running).toMatchObject([
      { host: 'web1', state: 'cancelled' },
      { host: 'web2', state: 'waiting' },
    ])
    const [run] = JSON.parse((await web1.ok(['runs', '--json'])).out)
    expect(run).toMatchObject({ state: 'cancelled' })
    await hub.ok(['fleet', 'revoke', 'web2'])
    expect(await lastOf(hub, 'web2')).toMatchObject({ state: 'withdrawn' })
    // What it is asked for longer than the hub remembers it would be answered to nobody.
    appendFileSync(hub.config, 'keep: 2d\n')
    const { err } = await hub.ok(['fleet', 'run', 'web1', '--within', '3d'], 2)
    expect(err).toContain('remembers for 2d')
  })

  test('what a host obeys no more it does not do, also while a run of it goes on by the config as it was', async () => {
    const { hub } = await startedFleet()
    const web1 = await hub.host('web1', ['backup.start', 'verify.start'])
    writeFileSync(join(web1.folder, 'home', 'large'), randomBytes(40 * 2 ** 20))
    appendFileSync(web1.config, 'limits: { read: 64K }\n')
    const daemon = await web1.serve()
    await asked(hub, ['web1', '--no-wait'], 0)
    await expect.poll(() => lastOf(hub, 'web1'), { timeout: 20_000 }).toMatchObject({ state: 'taken' })
    const text = readFileSync(web1.config, 'utf8')
    writeFileSync(web1.config, text.replace(/obeys: .*/, 'obeys: [backup.start, copy.start]'))
    const pid = lockHolder(join(web1.folder, 'state'))
    if (pid === undefined) throw new Error('nobody is at work on web1')
    process.kill(pid, 'SIGHUP')
    await expect.poll(() => daemon.log()).toContain('once run')
    // What is new is obeyed once the config is taken.
    for (const what of ['--verify', '--copy'])
      expect(await asked(hub, ['web1', what], 1)).toMatchObject([
        { state: 'refused', reason: expect.stringContaining('obeys backup.start, not') },
      ])
    await hub.ok(['fleet', 'cancel', 'web1'])
    await expect.poll(() => daemon.log()).toContain('goes on with')
    await hub.ok(['fleet', 'run', 'web1', '--copy', '--no-wait'])
    await expect
      .poll(() => lastOf(hub, 'web1'))
      .toMatchObject({ type: 'copy.start', run: expect.any(String) })
  })

  test('a host that says without end that it has come gets what waits once a second at most', async () => {
    const { hub } = await startedFleet()
    const web1 = await hub.host('web1', ['backup.start'])
    await asked(hub, ['web1', '--no-wait'], 0)
    const connection = await connectToBroker(await hostDoor(doorOf(web1, hub)))
    onTestFinished(() => connection.close())
    let heard = 0
    connection.subscribe('cmd.web1', {
      callback: () => {
        heard += 1
      },
    })
    const begun = performance.now()
    for (let n = 0; n < 20_000; n++) connection.publish('hub.ready.web1')
    await connection.flush()
    await expect.poll(() => heard).toBeGreaterThan(0)
    for (let n = 0; n < 20_000; n++) connection.publish('hub.ready.web1')
    await connection.flush()
    await expect.poll(() => heard).toBeGreaterThan(1)
    expect(heard).toBeLessThanOrEqual(2 + (performance.now() - begun) / 1000)
  })

  test('whoever has taken over the server can have nothing done with what was sent before', async () => {
    const { hub } = await startedFleet()
    const hosts = [await hub.host('web1', ['backup.start']), await hub.host('web2', ['backup.start'])]
    const [web1, web2] = hosts as [Machine, Machine]
    const logs = await Promise.all([web1.serve(), web2.serve()])
    await asked(hub, ['web1'], 0)
    await sendAgain(hub, 'web1')
    await sendAgain(hub, 'web2')
    await sendAgain(hub, 'web1', (text) => text.replace(/"id":"[^"]+"/, '"id":"another"'))
    await sendAgain(hub, 'web2', (text) => text.replace('"host":"web1"', '"host":"web2"'))
    await expect.poll(() => logs[0].log()).toContain('the hub has not signed it')
    await expect.poll(() => logs[1].log()).toContain('the hub has not signed it')
    expect(logs[1].log()).toContain('it is for web1')
    // What comes after all that is done, and nothing of it was.
    await asked(hub, ['--all'], 0)
    expect(await runsOf(web1)).toHaveLength(2)
    expect(await runsOf(web2)).toHaveLength(1)
  })

  test('what is held is released by the hub where the host obeys that, and only what the hub has seen', async () => {
    const { hub } = await startedFleet()
    const [web1, web2] = [await hub.host('web1', ['sync.meant']), await hub.host('web2', ['backup.start'])]
    for (const host of [web1, web2]) {
      await host.ok(['run'])
      for (let n = 1; n < 10; n++) rmSync(join(host.folder, 'home', `file ${n}`))
      await host.ok(['run'], 5)
      await host.serve()
    }
    expect(await asked(hub, ['web1', 'web2', '--release', 'www'], 1)).toMatchObject([
      { state: 'refused', reason: expect.stringContaining('nothing of www is held') },
      { state: 'refused', reason: expect.stringContaining('not sync.meant') },
    ])
    expect((await hub.status()).map(({ state }) => state)).toEqual(['held', 'held'])
    expect(await asked(hub, ['web1', 'web2', '--release', 'home'], 1)).toMatchObject([
      { type: 'sync.meant', state: 'succeeded' },
      { state: 'refused' },
    ])
    expect(await hub.status()).toMatchObject([
      { host: 'web2', state: 'held' },
      { host: 'web1', state: 'good' },
    ])
    const mirrored = (host: Machine) =>
      readdirSync(join(host.folder, 'disk'), { recursive: true }).filter((name) =>
        `${name}`.includes('file 3'),
      )
    expect(mirrored(web1)).toHaveLength(1)
    expect(mirrored(web2)).toHaveLength(2)
  })
})

function doorOf({ folder }: Machine, { server }: Fleet) {
  const files = { credentialsFile: join(folder, 'credentials'), caFile: join(folder, 'ca.pem') }
  return { role: 'host' as const, servers: [server], labels: [], silentAfterMs: 0, obeys: [], ...files }
}

/** Sends the first command again, to any host, as whoever has the key of the hub's connection can. */
async function sendAgain(hub: Fleet, to: string, change = (text: string) => text): Promise<void> {
  const folder = join(hub.folder, 'fleet')
  const door = new HubFolder(folder).door({ role: 'hub', servers: [hub.server], folder })
  const connection = await connectToBroker(door)
  onTestFinished(() => connection.close())
  const [first] = commandsSent(hub)
  if (!first) throw new Error('the hub has sent nothing')
  const { text, signature } = first
  connection.publish(`cmd.${to}`, JSON.stringify({ v: 1, text: change(text), signature }))
  await connection.flush()
}
