import { chownSync, existsSync, mkdirSync } from 'node:fs'
import type { FleetHub } from '../../config/fleet.ts'
import { UsageError } from '../../errors.ts'
import { type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import type { BrokerSettings } from '../../host/fleet/broker-config.ts'
import { makeCertificates } from '../../host/fleet/certificates.ts'
import { HubFolder } from '../../host/fleet/hub-folder.ts'
import { hostOfServer, ownServer } from '../../host/fleet/own-server.ts'
import { localIds } from '../../host/owners/local-ids.ts'
import { shellQuote } from '../../shell-quote.ts'
import type { Io } from '../io.ts'
import { type FleetOptions, hubIn } from './fleet.ts'

/** Where the NATS server keeps its data unless told otherwise; its unit makes the folder. */
const usualStore = '/var/lib/hdsync-broker'
/** The user that Debian's nats-server runs as. */
const brokerUser = 'nats'
/** From the port for hosts to that by which several servers speak with each other: 4222 and 6222, as NATS has them. */
const toClusterPort = 2000

export interface InitOptions extends FleetOptions {
  store?: string
  /** Which of several servers is the one of this machine. */
  at?: string
  /** A hub without a server beside it. */
  standby?: boolean
}

/**
 * `hdsync fleet init`: makes the keys and certificates of a hub, and the config of its NATS server. Safe to repeat: keys and the certificate
 * authority stay, as does where the server keeps its data; the server gets another certificate.
 */
export async function fleetInitCommand(options: InitOptions, io: Io): Promise<number> {
  const { fleet } = await hubIn(options, io)
  const { servers } = fleet
  if (servers.length > 1 && servers.length % 2 === 0)
    throw new UsageError(
      `${servers.length} NATS servers are no more than one less: a majority has to be there`,
      {
        hint: 'name one of them in `fleet.servers`, or three',
      },
    )
  const runner = createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'fleet' })
  const folder = new HubFolder(fleet.folder, await brokerGroup(runner))
  const own = options.standby ? undefined : await serverHere(folder, servers, options)
  // Another hub's keys would make a fleet of its own.
  if (own !== servers[0] && !folder.isMade) throw withoutKeys(fleet)
  folder.make()
  if (own !== undefined) await makeBroker(folder, { servers, own, store: options.store }, runner)
  if (options.json) {
    const config = own === undefined ? null : `${folder.brokerFolder}/nats.conf`
    io.stdout(`${JSON.stringify({ folder: folder.path, config, ca: folder.caFile })}\n`)
    return 0
  }
  io.stdout(own === undefined ? standbyText(folder) : nextText(folder, servers, own))
  return 0
}

/** @throws {UsageError} It is none of those in the config, or not to be told which. */
async function serverHere(
  folder: HubFolder,
  servers: readonly string[],
  { at = folder.server }: InitOptions,
): Promise<string> {
  const [first = ''] = servers
  if (servers.length === 1) return first
  if (at === undefined) return ownServer(servers)
  if (servers.includes(at)) return at
  throw new UsageError(`${at} is none of \`fleet.servers\``, { hint: `they are ${servers.join(', ')}` })
}

function withoutKeys({ folder, servers: [first = ''] }: FleetHub): UsageError {
  return new UsageError(`${folder} holds no keys of a hub, and is not where they are made`, {
    hint: `make them on ${hostOfServer(first)}: hdsync fleet init; then here: mkdir -p -m 711 ${folder} && rsync -a root@${hostOfServer(first)}:${folder}/hub ${folder}/`,
  })
}

async function makeBroker(
  folder: HubFolder,
  { servers, own, store: wanted }: { servers: readonly string[]; own: string; store: string | undefined },
  runner: CommandRunner,
): Promise<void> {
  await makeCertificates(folder, [hostOfServer(own)], runner)
  const store = wanted ?? folder.store ?? usualStore
  if (store !== usualStore) await makeStore(store, runner)
  folder.writeBroker({ ...settingsOf(servers, own), store }, servers.length > 1 ? own : undefined)
  folder.reloadBroker()
}

function settingsOf(servers: readonly string[], own: string): Omit<BrokerSettings, 'store'> {
  const isLocal = servers.map(hostOfServer).every((name) => name === '127.0.0.1' || name === 'localhost')
  const address = isLocal ? '127.0.0.1' : '0.0.0.0'
  const portOf = (server: string) => Number(new URL(server).port)
  const listen = `${address}:${portOf(own)}`
  if (servers.length === 1) return { listen }
  const cluster = {
    name: new URL(own).host,
    listen: `${address}:${portOf(own) + toClusterPort}`,
    routes: servers.map((server) => `tls://${new URL(server).hostname}:${portOf(server) + toClusterPort}`),
  }
  return { listen, cluster }
}

function nextText(folder: HubFolder, servers: readonly string[], own: string): string {
  const broker = folder.brokerFolder
  const dropIn = '/etc/systemd/system/nats-server.service.d/hdsync.conf'
  const others = servers.filter((server) => server !== own).map(hostOfServer)
  const there =
    others.length === 0 || own !== servers[0]
      ? ''
      : `then on ${others.join(' and on ')}, with the same \`fleet:\` in the config of hdsync:
  mkdir -p -m 711 ${folder.path} && rsync -a root@${hostOfServer(own)}:${folder.path}/hub ${folder.path}/
  hdsync fleet init, and the rest as here
`
  return `the keys of the hub, and the config of its NATS server, are in ${folder.path}
next, with nats-server 2.14 or later installed:
  install -D -m 644 ${shellQuote([`${broker}/nats-server.service.conf`])} ${dropIn}
  systemctl daemon-reload && systemctl restart nats-server
  systemctl add-wants multi-user.target hdsync && systemctl restart hdsync
${there}then, for each host: hdsync fleet enroll HOST
keep a copy of ${folder.path}/hub: whoever has it is the hub
`
}

function standbyText(folder: HubFolder): string {
  return `the keys of the hub are in ${folder.path}; no NATS server is beside this one
next: systemctl add-wants multi-user.target hdsync && systemctl restart hdsync
`
}

/** The unit makes the usual one. */
async function makeStore(store: string, runner: CommandRunner): Promise<void> {
  if (existsSync(store)) return
  mkdirSync(store, { recursive: true, mode: 0o700 })
  if (process.geteuid?.() !== 0) return
  const uid = (await localIds('passwd', [brokerUser], runner)).get(brokerUser)
  const gid = (await localIds('group', [brokerUser], runner)).get(brokerUser)
  if (uid !== undefined && gid !== undefined) chownSync(store, uid, gid)
}

/** The group that may read what the NATS server has to read; undefined where this is not root, or there is no such group. */
async function brokerGroup(runner: CommandRunner): Promise<number | undefined> {
  if (process.geteuid?.() !== 0) return undefined
  return (await localIds('group', [brokerUser], runner)).get(brokerUser)
}
