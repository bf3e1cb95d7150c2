import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { HostInFleet } from '../../runtime/backup/fleet/overview.ts'
import { temporaryFolder } from '../unit/temporary-folder.ts'
import { brokerOf, type Daemon, freePort, type Machine, machineOf, makeFleet, makeHost } from './fleet.ts'
import { natsForTests } from './nats-server.ts'

// The page about fleets, followed: its commands and configs are taken from it. In the place of systemd, which is not here, stands what its
// units do.

const { program, missing } = await natsForTests()

const page = readFileSync(join(import.meta.dirname, '../../deploy/docs/fleet.md'), 'utf8')

function section(title: string): string {
  const [, text] = page.split(`## ${title}\n`)
  if (text === undefined) throw new Error(`the page has no section ${title}`)
  return text.split('\n## ')[0] ?? ''
}

/** The blocks of a section, in its order. */
function blocks(title: string): { kind: string; text: string }[] {
  const found = section(title).matchAll(/```(\w+)\n([\s\S]*?)```/g)
  return [...found].map(([, kind = '', text = '']) => ({ kind, text }))
}

/** The commands of a block, one by one, without what is said of them. */
function commandsIn(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/\s+#.*/, '').trim())
  return lines.flatMap((line) => (line === '' ? [] : line.split(' && ')))
}

/** A machine as the page has one, on which its units run. */
class Followed {
  readonly machine: Machine
  readonly #place: (text: string) => string
  readonly #starts: () => Promise<void>
  #daemon: Daemon | undefined

  /** @param place Puts what the page names where it is here. @param starts What `systemctl restart nats-server` does. */
  constructor(machine: Machine, place: (text: string) => string, starts = async () => {}) {
    this.machine = machine
    this.#place = place
    this.#starts = starts
  }

  async do(command: string, input?: string, code = 0): Promise<string> {
    const words = this.#place(command).split(' ')
    const [name = '', ...rest] = words
    if (name === 'hdsync') {
      const said =
        input === undefined ? await this.machine.run(...rest) : await this.machine.pipe(input, rest)
      expect(said, `${command}: ${said.out}${said.err}`).toMatchObject({ code })
      return said.out
    }
    if (name === 'install') return execFileSync(name, rest, { encoding: 'utf8' })
    if (command === 'systemctl restart nats-server') await this.#starts()
    else if (command === 'systemctl restart hdsync') {
      await this.#daemon?.kill('SIGTERM')
      this.#daemon = await this.machine.serve()
    } else
      expect(['systemctl daemon-reload', 'systemctl add-wants multi-user.target hdsync']).toContain(command)
    return ''
  }
}

/** A hub and three hosts, made as the page says. */
async function followPage() {
  const [hubConfig, hubCommands, hostCommands, hostConfig, status] = blocks('From nothing to ten hosts')
  if (!hubConfig || !hubCommands || !hostCommands || !hostConfig || !status)
    throw new Error('blocks are missing')
  const folder = temporaryFolder()
  const server = `tls://127.0.0.1:${await freePort()}`
  const units = join(folder, 'units')
  const place = (text: string) =>
    text
      .replaceAll('tls://hub1.example.org:4222', `'${server}'`)
      .replaceAll('/etc/systemd/system', units)
      .replaceAll('/etc/hdsync/fleet', `${folder}/fleet`)
      // Its unit makes the usual folder.
      .replace('hdsync fleet init', `hdsync fleet init --store ${folder}/broker`)
  const config = join(folder, 'hdsync.yaml')
  const text = place(hubConfig.text).replace('role: hub', `role: hub, folder: ${folder}/fleet`)
  writeFileSync(config, `${text}state: ${folder}/state\nfunctions: ${folder}/functions\n`, { mode: 0o600 })
  const broker = brokerOf(program, folder)
  const hub = new Followed(machineOf(folder, config), place, async () => {
    const unit = readFileSync(join(units, 'nats-server.service.d/hdsync.conf'), 'utf8')
    expect(unit).toContain(`\nExecStart=/usr/sbin/nats-server -c ${folder}/fleet/broker/nats.conf\n`)
    await broker.kill()
    await broker.start()
  })
  const codes = new Map<string, string>()
  for (const command of commandsIn(hubCommands.text)) {
    if (!command.startsWith('hdsync fleet enroll')) await hub.do(command)
    else
      for (const host of ['web1', 'web2', 'db1']) codes.set(host, await hub.do(command.replace('web1', host)))
  }
  const hosts = new Map<string, Followed & { configure(text: string): void }>()
  for (const [name, code] of codes) {
    const made = await makeHost(server)
    const configure = (part: string) =>
      made.withFleet(
        place(part)
          .replace(
            'role: host',
            `role: host, credentialsFile: ${made.folder}/credentials, caFile: ${made.folder}/ca.pem`,
          )
          .replace('[web]', name.startsWith('web') ? '[web]' : '[db]'),
      )
    // First, as the usual folder for what `join` writes is that of this machine itself.
    configure(hostConfig.text)
    const host = Object.assign(new Followed(made, place), { configure })
    for (const command of commandsIn(hostCommands.text)) await host.do(command, code)
    hosts.set(name, host)
  }
  const host = (name: string) => {
    const found = hosts.get(name)
    if (!found) throw new Error(`there is no host ${name}`)
    return found
  }
  return { hub, host, names: [...hosts.keys()], status: status.text }
}

describe.skipIf(missing)(`the page about fleets, followed${missing}`, () => {
  test('leads from nothing to hosts that tell, and do what they are asked for', async () => {
    const { hub, host, names, status } = await followPage()
    for (const name of names) await host(name).do('hdsync run')
    const [prompt = '', head = ''] = status.split('\n')
    const said = await hub.do(prompt.replace('# ', ''))
    const columns = (line: string) => line.split(/ {2,}/)
    expect(columns(said.split('\n')[0] ?? '')).toEqual(columns(head))
    expect(said.match(/^(?:web1|web2|db1) +good .* (?:web|db)$/gm)).toHaveLength(3)

    const [obeying, asking] = blocks('Have hosts do something')
    const before = /then: (.*)/.exec(obeying?.text ?? '')?.[1] ?? ''
    host('web1').configure(obeying?.text ?? '')
    for (const command of commandsIn(before))
      for (const name of ['web1', 'web2']) await host(name).do(command)
    const [asked = '', ...shown] = (asking?.text ?? '').split('\n')
    const answer = await hub.do(asked.replace('# ', ''), undefined, 1)
    const refusal = shown.find((line) => line.startsWith('web2'))
    // Each as it ends.
    expect(answer.trim().split('\n').sort()).toEqual(['web1: backup.start: succeeded', refusal])
  })

  /** What each row of the page's table says is shown by a test: by its title, or by one below. */
  const shown: Record<string, string> = {
    'the network, or the NATS server': 'sees each night once and in order, though server and hub are killed',
    'the hub’s daemon': 'when the hub is away while they tell, and a host is restarted',
    'one of three NATS servers, or its disk':
      'while each of them is killed in turn, and then one loses its disk',
    'two of three NATS servers': 'while two of them are away hosts keep it, and no hub acts',
    'the hub that acts, of several': 'hooks hear of each failure once, from whichever of two hubs acts',
    'a hub that stands by': 'the hub that acts tells once of one that is gone',
    'the hub that acts, cut off from the NATS servers': 'one that is cut off from the server acts no more',
    'the hub that acts, between a command and the passing on of it':
      'one that is cut off from the server acts no more',
    'the store of the hub that acts and all NATS servers, both for good':
      'the other one goes on with what it has',
    'the disk of the NATS server, put back to an older copy or lost':
      'when the disk of the server is put back to an older copy',
    'the hub’s store, put back to an older copy': 'when the store of the hub is put back to an older copy',
    'the store of a host, put back to an older copy or lost':
      'when the store of a host is put back to an older copy',
    'a host, for good': 'shows the worst first, and what a host may do no more',
    'a host is taken over': 'may publish nothing but what is its own, and hear nothing but its receipts',
    'a code falls into other hands': 'a code that has fallen into other hands',
    'the key of a host': 'a daemon that runs goes on with another key, once its host has joined again',
    'the NATS server, taken over': 'whoever has taken over the server can have nothing done',
    'the hub, taken over, or one that stands by':
      'each does what it obeys, and refuses the rest in words that the hub sees',
    'the hub’s daemon, while hosts have something to do': 'one that is off gets it when it is back, the hub',
    'the hub or the NATS server, while hosts wait for slots': 'many are at it eight at a time',
    'a host, while it waits for a slot or has one': 'one that vanishes while it has a slot frees it',
    'the connection of the hub to the NATS server, again and again':
      'a hub whose connection breaks all the time',
    'everything, while hosts wait for slots': 'one waits no longer than its patience',
    'the folder `hub/` of the hub': 'a hub that has lost its keys',
    'the certificate of the server runs out, after five years': 'another certificate of the server',
  }

  test('tells what happens when a part fails, and each row of it is shown by a test', () => {
    const rows = [...section('When a part fails').matchAll(/^\| (?!-|what fails)(.+?) \| .+ \|$/gm)]
    expect(rows.map(([, what = '']) => what.replaceAll("'", '’')).sort()).toEqual(Object.keys(shown).sort())
    const tests = globSync('*.test.ts', { cwd: import.meta.dirname })
    const text = tests.map((file) => readFileSync(join(import.meta.dirname, file), 'utf8')).join('\n')
    const titles = [
      ...text.matchAll(/\btest\w*(?:\.skipIf\(missing\))?\(\s*['`](.+?)(?:\$\{missing\})?['`],/g),
    ].map(([, title = '']) => title)
    for (const [row, title] of Object.entries(shown))
      expect(
        titles.some((one) => one.startsWith(title)),
        `${row}: ${title}`,
      ).toBe(true)
  })

  test('a code that has fallen into other hands is seen by the host itself, and taken back', async () => {
    const hub = await makeFleet(program)
    await hub.broker.start()
    await hub.serve()
    const code = (await hub.ok(['fleet', 'enroll', 'web1'])).out.trim()
    const [thief, web1] = [await makeHost(hub.server), await makeHost(hub.server)]
    await thief.ok(['fleet', 'join', code])
    expect((await web1.run('fleet', 'join', code)).err).toContain('this host is not let in')
    await hub.ok(['fleet', 'revoke', 'web1'])
    await web1.ok(['fleet', 'join', (await hub.ok(['fleet', 'enroll', 'web1'])).out.trim()])
    await web1.ok(['run'])
    await web1.ok(['fleet', 'send'])
    await thief.ok(['run'])
    await thief.ok(['fleet', 'send', '--within', '1s'], 1)
    expect(await statesOf(hub)).toEqual(['web1 good'])
  })

  test('a hub that has lost its keys is a new one: its hosts join again, and what was told stays', async () => {
    const hub = await makeFleet(program)
    await hub.broker.start()
    const daemon = await hub.serve()
    const web1 = await hub.host('web1')
    await web1.ok(['run'])
    await web1.ok(['fleet', 'send'])
    await daemon.kill('SIGTERM')
    rmSync(join(hub.folder, 'fleet/hub'), { recursive: true })
    await hub.ok(['fleet', 'init', '--store', join(hub.folder, 'broker')])
    await hub.broker.kill()
    await hub.broker.start()
    await hub.serve()
    await web1.ok(['run'])
    await web1.ok(['fleet', 'send', '--within', '1s'], 1)
    await web1.ok(['fleet', 'join', (await hub.ok(['fleet', 'enroll', 'web1'])).out.trim()])
    await web1.ok(['fleet', 'send'])
    expect(await statesOf(hub)).toEqual(['web1 good'])
  })

  test('another certificate of the server is made on the hub alone: hosts need nothing', async () => {
    const hub = await makeFleet(program)
    await hub.broker.start()
    await hub.serve()
    const web1 = await hub.host('web1')
    const file = join(hub.folder, 'fleet/broker/broker.pem')
    const before = readFileSync(file, 'utf8')
    await hub.ok(['fleet', 'init'])
    expect(readFileSync(file, 'utf8')).not.toBe(before)
    await hub.broker.kill()
    await hub.broker.start()
    await web1.ok(['run'])
    await web1.ok(['fleet', 'send'])
    expect(await statesOf(hub)).toEqual(['web1 good'])
  })
})

async function statesOf(hub: { status(): Promise<HostInFleet[]> }): Promise<string[]> {
  return (await hub.status()).map(({ host, state }) => `${host} ${state}`)
}
