import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { pushedFile } from '../../runtime/config/pushed/file.ts'
import { connectToBroker } from '../../runtime/host/fleet/connection.ts'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { type Fleet, type Machine, makeFleet } from './fleet.ts'
import { natsForTests } from './nats-server.ts'
import { commandsSent } from './sent.ts'

const { program, missing } = await natsForTests()

async function startedFleet() {
  const hub = await makeFleet(program)
  await hub.broker.start()
  await hub.serve()
  return hub
}

const config = async (hub: Fleet, words: readonly string[], code = 0) =>
  JSON.parse((await hub.ok(['fleet', 'config', ...words, '--json'], code)).out)

/** What the hub has set on a host, with what is in force. */
async function setOn(host: Machine): Promise<Record<string, boolean>> {
  const { set } = JSON.parse((await host.ok(['fleet', 'status', '--json'])).out)
  return Object.fromEntries(
    set.map(({ key, isInForce }: { key: string; isInForce: boolean }) => [key, isInForce]),
  )
}

describe.skipIf(missing)(`a hub that sets something in the config of its hosts${missing}`, () => {
  test('it is in force where it is safer and the host lets it, also without the hub, until either takes it back', async () => {
    const hub = await startedFleet()
    const [web1, web2] = [
      await hub.host('web1', ['config.set', 'backup.start']),
      await hub.host('web2', ['backup.start']),
    ]
    const [daemon] = await Promise.all([web1.serve(), web2.serve()])
    expect(await config(hub, ['--all', '--set', 'maxDelete=20%', '--set', 'keep=100d'], 1)).toMatchObject([
      { host: 'web1', type: 'config.set', state: 'succeeded', run: null },
      { host: 'web2', state: 'refused', reason: expect.stringContaining('not config.set') },
    ])
    await expect.poll(() => daemon.log()).toContain('as it is now')
    expect(await config(hub, ['web1', '--set', 'keep=100d'])).toMatchObject([{ state: 'succeeded' }])
    expect(await setOn(web1)).toEqual({
      'sources.home.maxDelete': true,
      'sources.www.maxDelete': true,
      keep: true,
    })
    // By the daemon, and by a process of its own while nobody else is there.
    await web1.ok(['run'])
    for (let n = 1; n < 5; n++) rmSync(join(web1.folder, 'home', `file ${n}`))
    await web1.ok(['run'], 5)
    await daemon.kill('SIGTERM')
    // What is set already is no reason to read the config anew.
    expect(daemon.log().match(/as it is now/g)).toHaveLength(1)
    await hub.broker.kill()
    await web1.ok(['run'], 5)
    // Whoever administers the host has the last word, at once.
    const text = readFileSync(web1.config, 'utf8')
    writeFileSync(web1.config, text.replace('"config.set",', ''))
    expect(await setOn(web1)).toEqual({
      'sources.home.maxDelete': false,
      'sources.www.maxDelete': false,
      keep: false,
    })
    await web1.ok(['run'])
    writeFileSync(web1.config, text)
    await web1.serve()
    await hub.broker.start()
    expect(await config(hub, ['web1', '--unset', 'maxDelete'])).toMatchObject([{ state: 'succeeded' }])
    await expect.poll(() => setOn(web1)).toEqual({ keep: true })
    expect(await config(hub, ['web1'])).toMatchObject([
      { host: 'web1', set: [{ key: 'keep', value: '100d' }], state: 'succeeded', refused: null },
    ])
    expect((await hub.run('fleet', 'status', 'web1')).out).toMatch(/set in its config.*\n +keep 100d\n/)
    expect(await config(hub, ['web1', '--clear'])).toMatchObject([{ state: 'succeeded' }])
    await expect.poll(() => setOn(web1)).toEqual({})
  })

  test('what is less safe, or nothing that a hub may set, is refused in words, and what came before stays', async () => {
    const hub = await startedFleet()
    const web1 = await hub.host('web1', ['config.set'])
    await web1.serve()
    await config(hub, ['web1', '--set', 'alert.after=12h'])
    const file = join(web1.folder, 'state', pushedFile)
    const kept = readFileSync(file, 'utf8')
    const worse = ['keep=30d', 'maxDelete=80%', 'alert.after=48h', 'archive.keep.weekly=1', 'drill.every=1d']
    for (const pair of worse)
      expect(await config(hub, ['web1', '--set', pair], 1)).toMatchObject([
        { state: 'refused', reason: expect.stringContaining(`${pair.split('=')[0]?.split('.').at(-1)}`) },
      ])
    for (const pair of [
      'notify=x',
      'sources.home.path=/etc',
      'functions=/tmp',
      '__proto__=1d',
      'keep',
      'keep=soon',
    ])
      await hub.ok(['fleet', 'config', 'web1', '--set', pair], 2)
    // The hub goes on from what was taken.
    expect(await config(hub, ['web1', '--set', 'keep=100d'])).toMatchObject([{ state: 'succeeded' }])
    await expect.poll(() => setOn(web1)).toEqual({ 'alert.after': true, keep: true })
    expect(JSON.parse(readFileSync(file, 'utf8')).number).toBeGreaterThan(JSON.parse(kept).number)
  })

  test('a host that was away for too long gets it when it is back', async () => {
    const hub = await startedFleet()
    const web1 = await hub.host('web1', ['config.set'])
    await config(hub, ['web1', '--set', 'keep=100d', '--within', '1s', '--no-wait'])
    await expect.poll(async () => (await config(hub, ['web1']))[0]).toMatchObject({ state: 'expired' })
    await web1.serve()
    await expect.poll(() => setOn(web1)).toEqual({ keep: true })
    await expect.poll(async () => (await config(hub, ['web1']))[0]).toMatchObject({ state: 'succeeded' })
  })

  test('what was set before, or on another host, is set by nobody who has taken over the server', async () => {
    const hub = await startedFleet()
    const hosts = [await hub.host('web1', ['config.set']), await hub.host('web2', ['config.set'])]
    const [web1, web2] = hosts as [Machine, Machine]
    const logs = await Promise.all([web1.serve(), web2.serve()])
    await config(hub, ['web1', '--set', 'alert.after=12h'])
    await config(hub, ['web1', '--set', 'alert.after=24h'])
    const folder = join(hub.folder, 'fleet')
    const door = new HubFolder(folder).door({ role: 'hub', servers: [hub.server], folder })
    const connection = await connectToBroker(door)
    onTestFinished(() => connection.close())
    const [first] = commandsSent(hub)
    if (!first) throw new Error('the hub has sent nothing')
    const { text, signature } = first
    const logAfterForging = (i: number, to: string) => {
      for (const one of [text, text.replace('12h', '36h'), text.replace('"host":"web1"', '"host":"web2"')])
        connection.publish(`cmd.${to}`, JSON.stringify({ v: 1, text: one, signature }))
      return logs[i]?.log()
    }
    // Nothing has it sent again: a host that just takes what was set before is not there to hear it.
    for (const [i, to] of ['web1', 'web2'].entries())
      await expect
        .poll(() => logAfterForging(i, to), { interval: 500 })
        .toContain('the hub has not signed it')
    // What comes after all that is taken, and nothing of it was.
    await config(hub, ['--all', '--set', 'keep=100d'])
    await expect.poll(() => setOn(web1)).toEqual({ 'alert.after': true, keep: true })
    await expect.poll(() => setOn(web2)).toEqual({ keep: true })
    const { set } = JSON.parse(readFileSync(join(web1.folder, 'state', pushedFile), 'utf8'))
    expect(set).toContainEqual({ key: 'alert.after', value: '24h' })
  })
})
