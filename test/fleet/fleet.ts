import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished } from 'vitest'
import type { HostInFleet } from '../../runtime/backup/fleet/overview.ts'
import { main } from '../../runtime/cli/program.ts'
import { writeMarker } from '../../runtime/host/target/marker.ts'
import { program } from '../unit/program.ts'
import { printed } from '../unit/runtime/cli/night.ts'
import { temporaryFolder } from '../unit/temporary-folder.ts'

/** hdsync as it lies here, whatever `npm test` has built. */
export const sources = join(import.meta.dirname, '../../deploy/bin/hdsync')

/** How a command ended. */
export interface Said {
  code: number | null
  out: string
  err: string
}

/** An hdsync with a config, a state directory and a socket of its own. */
export interface Machine {
  folder: string
  config: string
  run(...words: string[]): Promise<Said>
  /** Runs it with this on its standard input. */
  pipe(input: string, words: readonly string[]): Promise<Said>
  /** Runs it, and expects this exit code. */
  ok(words: readonly string[], code?: number): Promise<Said>
  /** Starts `hdsync serve`, and waits until it answers. */
  serve(): Promise<Daemon>
}

export interface Daemon {
  /** By SIGKILL unless told otherwise. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** What it has said. */
  log(): string
}

/** A hub and its NATS server. */
export interface Fleet extends Machine {
  server: string
  broker: Broker
  /** Enrols a host, and has it join. @param obeys What its hub may ask for. */
  host(name: string, obeys?: readonly string[], slot?: string): Promise<Machine>
  status(): Promise<HostInFleet[]>
}

export interface Broker {
  start(): Promise<void>
  /** By SIGKILL. */
  kill(): Promise<void>
  /** A copy of its disk, taken while it does not run, and put back. */
  copyDisk(): void
  putDiskBack(): void
  log(): string
}

/** @param nats The program of the NATS server. @param parent Where its folder is made. @param slots `slots` in its config. */
export async function makeFleet(nats: string, parent?: string, slots = '{}'): Promise<Fleet> {
  const folder = temporaryFolder(parent)
  const port = await freePort()
  const server = `tls://127.0.0.1:${port}`
  const config = join(folder, 'hub.yaml')
  const text = `fleet: { role: hub, servers: ['${server}'], folder: ${folder}/fleet, slots: ${slots} }
state: ${folder}/state
functions: ${folder}/functions
`
  writeFileSync(config, text, { mode: 0o600 })
  const hub = machineOf(folder, config)
  await hub.ok(['fleet', 'init', '--store', join(folder, 'broker')])
  return {
    ...hub,
    server,
    broker: brokerOf(nats, folder),
    async host(name, obeys = [], slot) {
      const host = await makeHost(server, { obeys, ...(slot !== undefined && { slot }) })
      const code = (await hub.ok(['fleet', 'enroll', name])).out.trim()
      await host.ok(['fleet', 'join', code])
      return host
    },
    async status() {
      return JSON.parse((await hub.run('fleet', 'status', '--json')).out)
    },
  }
}

/** A machine of a hub, with one of several NATS servers. */
export interface Member extends Machine {
  server: string
  broker: Broker
}

/** Three hubs with a NATS server each, all with the keys of the first. Nothing runs yet. */
export async function makeCluster(nats: string): Promise<[Member, Member, Member]> {
  const servers = (await freePairs(3)).map((port) => `tls://127.0.0.1:${port}`)
  const members: Member[] = []
  for (const server of servers) {
    const folder = temporaryFolder()
    const config = join(folder, 'hub.yaml')
    const text = `fleet: { role: hub, servers: ${JSON.stringify(servers)}, folder: ${folder}/fleet }
state: ${folder}/state
functions: ${folder}/functions
`
    writeFileSync(config, text, { mode: 0o600 })
    const hub = machineOf(folder, config)
    const [first] = members
    if (first) cpSync(join(first.folder, 'fleet/hub'), join(folder, 'fleet/hub'), { recursive: true })
    await hub.ok(['fleet', 'init', '--at', server, '--store', join(folder, 'broker')])
    members.push({ ...hub, server, broker: brokerOf(nats, folder) })
  }
  return members as [Member, Member, Member]
}

export interface HostOptions {
  /** The hdsync that it runs. */
  file?: string
  /** What its hub may ask for. */
  obeys?: readonly string[]
  /** `slot` in its config. */
  slot?: string
}

/** A host with two small directories to back up; `withFleet` gives it another part of a fleet, or none. */
export async function makeHost(
  server: string,
  { file = program, obeys = [], slot }: HostOptions = {},
): Promise<Machine & { withFleet(text: string): void }> {
  const folder = temporaryFolder()
  for (const name of ['home', 'www', 'disk', 'functions']) mkdirSync(join(folder, name), { mode: 0o700 })
  for (const name of ['home', 'www'])
    for (let n = 0; n < 10; n++) writeFileSync(join(folder, name, `file ${n}`), name)
  await writeMarker(join(folder, 'disk'), 'disk', 0)
  const config = join(folder, 'hdsync.yaml')
  const text = `sources:
  home: { path: ${folder}/home, target: disk }
  www: { path: ${folder}/www, target: disk }
targets:
  disk: { path: ${folder}/disk }
state: ${folder}/state
functions: ${folder}/functions
`
  const fleet = `fleet:
  role: host
  servers: ['${server}']
  credentialsFile: ${folder}/credentials
  caFile: ${folder}/ca.pem
  labels: [web]
  obeys: ${JSON.stringify(obeys)}
${slot === undefined ? '' : `  slot: ${slot}\n`}`
  const write = (content: string) => writeFileSync(config, content, { mode: 0o600 })
  write(`${text}${fleet}`)
  return { ...machineOf(folder, config, file), withFleet: (part) => write(`${text}${part}`) }
}

export function machineOf(folder: string, config: string, file = program): Machine {
  const run = async (...words: string[]): Promise<Said> =>
    // What only asks needs no process of its own.
    words[0] === 'fleet' ? ask(words, config) : pipe('', words)
  const pipe = async (input: string, words: readonly string[]): Promise<Said> => {
    const env = { ...process.env, HDSYNC_CONFIG: config, LC_ALL: 'C' }
    const child = spawn(file, words, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    child.stdin.on('error', () => {}).end(input)
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
    return { code, out, err }
  }
  return {
    ...{ folder, config, run, pipe },
    async ok(words, code = 0) {
      const said = await run(...words)
      expect(said, `hdsync ${words.slice(0, 2).join(' ')}: ${said.out}${said.err}`).toMatchObject({ code })
      return said
    },
    async serve() {
      const env = { ...process.env, HDSYNC_CONFIG: config, LC_ALL: 'C' }
      const child = spawn(file, ['serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
      let log = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (log += chunk))
      const daemon = { kill: (signal?: NodeJS.Signals) => kill(child, signal), log: () => log }
      onTestFinished(() => daemon.kill('SIGTERM'))
      await expect.poll(() => log).toContain('ready on')
      return daemon
    },
  }
}

async function ask(words: readonly string[], config: string): Promise<Said> {
  const io = printed()
  const code = await main(
    ['node', 'hdsync', ...words],
    '1.0.0',
    Object.assign(io, { env: { HDSYNC_CONFIG: config } }),
  )
  return { code, out: io.out, err: io.err }
}

export function brokerOf(nats: string, folder: string): Broker {
  const store = join(folder, 'broker')
  const copy = join(folder, 'broker copy')
  const log = join(folder, 'broker.log')
  let child: ChildProcess | undefined
  const broker: Broker = {
    async start() {
      const from = broker.log().length
      const started = spawn(nats, ['-c', join(folder, 'fleet/broker/nats.conf'), '--log', log], {
        stdio: 'ignore',
      })
      child = started
      await expect
        .poll(() => broker.log().slice(from), { message: 'the NATS server starts' })
        .toContain('Server is ready')
    },
    async kill() {
      if (child) await kill(child, 'SIGKILL')
    },
    copyDisk() {
      rmSync(copy, { recursive: true, force: true })
      cpSync(store, copy, { recursive: true })
    },
    putDiskBack() {
      rmSync(store, { recursive: true, force: true })
      cpSync(copy, store, { recursive: true })
    },
    log: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
  }
  onTestFinished(() => broker.kill())
  return broker
}

async function kill(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await ended
}

/** Ports that are free, as are those by which servers of a fleet speak with each other. */
async function freePairs(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = await freePort()
    if (port < 60_000 && (await isFree(port + 2000))) ports.push(port)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise<void>((resolve) => void server.close(() => resolve()))
  return port
}
