import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { RunResult } from '../../events/index.ts'
import { SqliteBus } from '../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../runtime/core/bus/sqlite/database.ts'
import { type Machine, makeFleet, makeHost, sources } from './fleet.ts'
import { natsForTests } from './nats-server.ts'

const { program, missing } = await natsForTests()

/** Makes a backup. @returns Its run. */
async function night(host: Machine, code = 0): Promise<string> {
  const { out } = await host.ok(['run', '--json'], code)
  return (JSON.parse(out) as RunResult).run
}

/** The runs that a hub has heard of, in the order of its store, by host. */
function heardBy({ folder }: Machine): Record<string, string[]> {
  const bus = new SqliteBus(openDatabase(join(folder, 'state')), join(folder, 'state'))
  try {
    const ends = bus.events({}).filter(({ type }) => type.startsWith('fleet.run.'))
    const runs = Map.groupBy(ends, ({ subject = '' }) => subject)
    return Object.fromEntries(
      [...runs].map(([host, own]) => [host, own.map(({ data }) => (data as { run: string }).run)]),
    )
  } finally {
    bus.close()
  }
}

describe.skipIf(missing)(`a fleet of two hosts${missing}`, () => {
  test('sees each night once and in order, though server and hub are killed, and the disk of the server is put back', async () => {
    const hub = await makeFleet(program)
    await hub.broker.start()
    let daemon = await hub.serve()
    const [web1, web2] = [await hub.host('web1'), await hub.host('web2')]
    expect(await hub.status()).toMatchObject([
      { host: 'web1', state: 'waiting', troubles: ['has told nothing yet'] },
      { host: 'web2', state: 'waiting' },
    ])
    const first = await Promise.all([night(web1), night(web2)])
    expect((await web1.ok(['fleet', 'status', '--json'])).out).toContain('"waiting":0')
    expect(await hub.status()).toMatchObject([
      { host: 'web1', state: 'good', labels: ['web'], sources: [{ source: 'home' }, { source: 'www' }] },
      { host: 'web2', state: 'good' },
    ])
    expect((await hub.status())[0]?.disks).toEqual([
      {
        target: 'disk',
        freeBytes: expect.any(Number),
        totalBytes: expect.any(Number),
        perDayBytes: null,
        daysLeft: null,
      },
    ])
    await hub.ok(['fleet', 'status'])

    await hub.broker.kill()
    hub.broker.copyDisk()
    // Neither night waits for a server that is not there; what is to be told stays.
    const second = await Promise.all([night(web1), night(web2)])
    expect((await web1.ok(['fleet', 'status'])).out).toContain('1 event wait')
    await hub.broker.start()
    await web1.ok(['fleet', 'send'])
    await daemon.kill()
    const send = web2.run('fleet', 'send', '--within', '2s')
    await expect(send).resolves.toMatchObject({ code: 1 })
    await hub.broker.kill()
    hub.broker.putDiskBack()
    await hub.broker.start()
    daemon = await hub.serve()
    await Promise.all([web1.ok(['fleet', 'send']), web2.ok(['fleet', 'send'])])
    await daemon.kill('SIGTERM')
    expect(heardBy(hub)).toEqual({ web1: [first[0], second[0]], web2: [first[1], second[1]] })
  })

  test('shows the worst first, and what a host may do no more', async () => {
    const hub = await makeFleet(program)
    await hub.broker.start()
    const daemon = await hub.serve()
    const [web1, web2] = [await hub.host('web1'), await hub.host('web2')]
    // The daemon of a host sends while it stays.
    const resident = await web1.serve()
    await web1.ok(['run'])
    await web1.ok(['fleet', 'send'])
    renameSync(join(web2.folder, 'home'), join(web2.folder, 'gone'))
    await night(web2, 1)
    const status = await hub.ok(['fleet', 'status'], 1)
    expect(
      status.out
        .split('\n')
        .slice(1, 3)
        .map((line) => line.split(/\s+/).slice(0, 2)),
    ).toEqual([
      ['web2', 'failing'],
      ['web1', 'good'],
    ])
    expect(status.out).toContain('web2: home: failed')
    await hub.ok(['fleet', 'status', '--label', 'db'], 2)
    renameSync(join(web2.folder, 'gone'), join(web2.folder, 'home'))
    await night(web2)
    await hub.ok(['fleet', 'status'])

    await hub.ok(['fleet', 'revoke', 'web2'])
    await night(web2)
    expect((await web2.run('fleet', 'send', '--within', '1s')).err).toMatch(/authorization/i)
    expect((await hub.status()).map(({ host, state }) => `${host} ${state}`)).toEqual([
      'web1 good',
      'web2 revoked',
    ])
    await web2.ok(['fleet', 'join', (await hub.ok(['fleet', 'enroll', 'web2'])).out.trim()])
    await web2.ok(['fleet', 'send'])
    expect((await hub.status()).map(({ host, state }) => `${host} ${state}`)).toEqual([
      'web1 good',
      'web2 good',
    ])
    await resident.kill('SIGTERM')
    await daemon.kill('SIGTERM')
  })

  test('a daemon that runs goes on with another key, once its host has joined again', async () => {
    const hub = await makeFleet(program)
    await hub.broker.start()
    const daemon = await hub.serve()
    const web1 = await hub.host('web1')
    const resident = await web1.serve()
    await web1.ok(['run'])
    await web1.ok(['fleet', 'send'])
    await web1.ok(['fleet', 'join', (await hub.ok(['fleet', 'enroll', 'web1'])).out.trim()])
    await web1.ok(['run'])
    await web1.ok(['fleet', 'send', '--within', '20s'])
    expect(heardBy(hub).web1).toHaveLength(2)
    await resident.kill('SIGTERM')
    await daemon.kill('SIGTERM')
  })
})

/** Says of what a process loads, if it is of NATS. */
const tellsOfNats = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier.startsWith('@nats-io')) process.stderr.write(specifier)
      return next(specifier, context)
    },
  })`)}`

test('the library of NATS is loaded with `fleet` in the config alone', async () => {
  const host = await makeHost('tls://127.0.0.1:1', { file: sources })
  mkdirSync(join(host.folder, 'state'), { mode: 0o700 })
  const loads = async () => (await host.run('run')).err
  process.env.NODE_OPTIONS = `--import=${tellsOfNats}`
  try {
    writeFileSync(join(host.folder, 'ca.pem'), 'none')
    const { seed } = await import('../../runtime/host/fleet/nkey.ts').then(({ newNkey }) => newNkey())
    writeFileSync(join(host.folder, 'credentials'), JSON.stringify({ host: 'web1', seed }), { mode: 0o600 })
    expect(await loads()).toContain('@nats-io/transport-node')
    host.withFleet('')
    expect(await loads()).not.toContain('@nats-io')
  } finally {
    delete process.env.NODE_OPTIONS
  }
})
