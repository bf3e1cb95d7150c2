import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { RunResult } from '../../events/index.ts'
import { revoke } from '../../runtime/backup/fleet/enrol.ts'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { ManualClock } from '../unit/manual-clock.ts'
import { temporaryFolder } from '../unit/temporary-folder.ts'
import { makeFleet } from './fleet.ts'
import { natsForTests } from './nats-server.ts'
import { HostPart, HubPart } from './parts.ts'
import { cuttable, standbyOf } from './two-hubs.ts'

const { program, missing } = await natsForTests()

/** The lease of another hub has to run out first, on a machine that has other things to do. */
const patience = { timeout: 90_000 }
const minuteMs = 60_000

/** Two hubs and two hosts, all of parts; the first hub acts. */
async function fleetOfTwo() {
  const first = await makeFleet(program)
  const { folder, server, broker } = first
  const way = await cuttable(server)
  const one = new HubPart(folder, way.server)
  const two = new HubPart((await standbyOf(first, server)).folder, server)
  const fleet = join(folder, 'fleet')
  for (const hub of [one, two]) hub.clock = new ManualClock(Date.now())
  const hosts = ['h1', 'h2'].map((name) => new HostPart(name, folder, fleet, server))
  new HubFolder(fleet).writeUsers()
  await broker.start()
  one.start()
  await expect.poll(() => one.isActive).toBe(true)
  two.start()
  for (const host of hosts) host.start()
  neverBoth(one, two)
  return { one, two, hosts, way, folder, broker }
}

/** Fails the test if both act at any moment. */
function neverBoth(...hubs: HubPart[]): void {
  let moments = 0
  const timer = setInterval(() => {
    if (hubs.every(({ isActive }) => isActive)) moments += 1
  }, 5)
  onTestFinished(() => {
    clearInterval(timer)
    expect(moments, 'moments at which two hubs act').toBe(0)
  })
}

const tellAll = (hosts: readonly HostPart[], count: number) =>
  Promise.all(hosts.map((host) => host.tell(count)))

/** Hosts know that all was taken, and each of these hubs has it once and in order. */
async function expectAll(hosts: readonly HostPart[], ...hubs: HubPart[]): Promise<void> {
  const waits = () => hosts.reduce((sum, { outbox }) => sum + outbox.waiting().count, 0)
  await expect.poll(waits, { ...patience, message: 'events that wait for a receipt' }).toBe(0)
  const told = Object.fromEntries(hosts.map((host) => [host.name, host.told]))
  for (const hub of hubs) await expect.poll(() => Object.fromEntries(hub.arrived()), patience).toEqual(told)
}

describe.skipIf(missing)(`of two hubs one acts, and both know all that is told${missing}`, () => {
  test('the other one takes over when the first is killed, and stays when that is back', async () => {
    const { one, two, hosts } = await fleetOfTwo()
    await tellAll(hosts, 20)
    await expectAll(hosts, one, two)
    expect([one.isActive, two.isActive]).toEqual([true, false])
    await one.kill()
    await tellAll(hosts, 20)
    await expect.poll(() => two.isActive, patience).toBe(true)
    await expectAll(hosts, two)
    one.start()
    await tellAll(hosts, 20)
    await expectAll(hosts, one, two)
    expect([one.isActive, two.isActive]).toEqual([false, true])
    // And back again.
    await two.kill()
    await tellAll(hosts, 5)
    await expectAll(hosts, one)
    two.start()
    await expectAll(hosts, one, two)
  })

  test('one that is cut off from the server acts no more, before another one does', async () => {
    const { one, two, hosts, way } = await fleetOfTwo()
    await tellAll(hosts, 10)
    await expectAll(hosts, one, two)
    way.cut()
    // Not passed on: the other one hears of it once the way is open again.
    const given = one.give([{ host: 'h1', type: 'backup.start', request: {} }], 3_600_000)
    await tellAll(hosts, 10)
    await expect.poll(() => two.isActive, patience).toBe(true)
    expect(one.isActive).toBe(false)
    await expectAll(hosts, two)
    way.mend()
    await expectAll(hosts, one, two)
    expect(one.isActive).toBe(false)
    await expect.poll(() => two.given(), patience).toEqual(given)
  })

  test('the other one goes on with what it has when the store of the first and the disk of the server are lost', async () => {
    const { one, two, hosts, folder, broker } = await fleetOfTwo()
    await tellAll(hosts, 10)
    await expectAll(hosts, one, two)
    await one.kill()
    await broker.kill()
    for (const lost of ['state', 'broker']) rmSync(join(folder, lost), { recursive: true })
    mkdirSync(join(folder, 'broker'))
    await tellAll(hosts, 10)
    await broker.start()
    await expectAll(hosts, two)
    expect(two.inbox.hosts().map(({ missing: gone }) => gone)).toEqual([0, 0])
  })

  test('the hub that acts tells once of one that is gone, the same whether it stood by or acted before', async () => {
    const { one, two } = await fleetOfTwo()
    const clock = one.clock as ManualClock
    const others = (hub: HubPart) => hub.inbox.role?.others?.map(({ isGone }) => isGone)
    await expect.poll(() => [others(one), others(two)], patience).toEqual([[false], [false]])
    await two.kill()
    const minuteLater = async (hub: HubPart) => {
      await (hub.clock as ManualClock).advance(minuteMs)
      return [hub.gone(), others(hub)]
    }
    await expect.poll(() => minuteLater(one), patience).toEqual([[two.name], [true]])
    await clock.advance(60 * minuteMs)
    await one.kill()
    one.start()
    await expect.poll(() => one.isActive, patience).toBe(true)
    await clock.advance(60 * minuteMs)
    expect(one.gone()).toEqual([two.name])
    two.start()
    await expect
      .poll(() => [others(one), others(two), two.gone()], patience)
      .toEqual([[false], [false], [two.name]])
    await one.kill()
    await expect.poll(() => two.isActive, patience).toBe(true)
    await expect.poll(() => minuteLater(two), patience).toEqual([[two.name, one.name], [true]])
  })

  test('what the first has given to a host goes on from the second; the list of hosts is the same', async () => {
    const { one, two, hosts, folder } = await fleetOfTwo()
    const [h1] = hosts as [HostPart]
    await tellAll(hosts, 1)
    await expectAll(hosts, one, two)
    await h1.kill()
    const ids = one.give([{ host: 'h1', type: 'backup.start', request: {} }], 3_600_000)
    await expect.poll(() => two.given(), patience).toEqual(ids)
    expect(() => two.give([{ host: 'h2', type: 'backup.start', request: {} }], 3_600_000)).toThrow(
      'stands by',
    )
    const list = new HubFolder(join(folder, 'fleet'))
    revoke('h2', list, Date.now())
    await expect.poll(() => two.list.host('h2')?.revokedAt, patience).toBe(list.host('h2')?.revokedAt)
    await one.kill()
    await expect.poll(() => two.isActive, patience).toBe(true)
    h1.start()
    await expect.poll(() => h1.commands, patience).toContainEqual(expect.stringContaining(ids[0] ?? ''))
  })
})

/** A hook that tells the runs of which it was told, in order. */
function pager(): { config: string; runs(): string[] } {
  const folder = temporaryFolder()
  const [program, file] = [join(folder, 'page'), join(folder, 'pages')]
  writeFileSync(program, `#!/bin/sh\n{ cat; echo; } >> ${file}\n`, { mode: 0o700 })
  return {
    config: `notify: [{ name: pager, exec: [${program}], on: [fleet.run.failed] }]\n`,
    runs: () =>
      (existsSync(file) ? readFileSync(file, 'utf8') : '')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { data: { run: string } }).data.run),
  }
}

test.skipIf(missing)(
  `hooks hear of each failure once, from whichever of two hubs acts, one of which is killed${missing}`,
  async () => {
    const page = pager()
    const first = await makeFleet(program)
    writeFileSync(first.config, `${readFileSync(first.config, 'utf8')}${page.config}`, { mode: 0o600 })
    const second = await standbyOf(first, first.server, page.config)
    await first.broker.start()
    const daemon = await first.serve()
    await expect.poll(async () => (await first.run('fleet', 'status')).out).not.toContain('stands by')
    const web1 = await first.host('web1')
    const standby = await second.serve()
    await expect.poll(standby.log, patience).toContain('stands by')
    renameSync(join(web1.folder, 'home'), join(web1.folder, 'away'))
    const fails = async () => (JSON.parse((await web1.ok(['run', '--json'], 1)).out) as RunResult).run
    const failed = [await fails()]
    await expect.poll(page.runs, patience).toEqual(failed)
    // With what the hook has done the other one is to be done too.
    const seen = async () => (await second.run('fleet', 'status')).out
    await expect.poll(seen, patience).toMatch(/web1 +failing/)
    expect(await seen()).toMatch(/this hub stands by since .*: \S+ acts/)
    const refused = await second.run('fleet', 'run', 'web1')
    expect([refused.code === 0, refused.out + refused.err]).toEqual([
      false,
      expect.stringContaining('stands by'),
    ])
    await daemon.kill()
    failed.push(await fails())
    await expect.poll(page.runs, patience).toEqual(failed)
    expect(standby.log()).toContain('acts now, in the place of')
    const back = await first.serve()
    await expect.poll(back.log, patience).toContain('stands by')
    failed.push(await fails())
    await web1.ok(['fleet', 'send'])
    await expect.poll(page.runs, patience).toEqual(failed)
    await expect.poll(async () => (await first.status())[0]?.heardAt, patience).not.toBeNull()
    expect(page.runs()).toEqual(failed)
  },
  300_000,
)
