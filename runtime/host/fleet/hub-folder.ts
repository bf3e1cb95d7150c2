import { X509Certificate } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { FleetHub } from '../../config/fleet.ts'
import { UsageError } from '../../errors.ts'
import { fleetHostName } from '../../fleet-protocol.ts'
import { writeSynced } from '../write-synced.ts'
import {
  type BrokerSettings,
  brokerText,
  hostUser,
  joiningUser,
  pidFile,
  unitText,
  usersText,
} from './broker-config.ts'
import { newCommandKey, publicHalf } from './command-key.ts'
import type { BrokerDoor } from './connection.ts'
import { newNkey, nkeyFromSeed } from './nkey.ts'

export const enrolled = z.lazy(() =>
  z.object({
    host: z.string().regex(fleetHostName),
    /** The public key by which the server lets it in; null before it has joined, and once it was revoked. */
    key: z.string().nullable(),
    /** A code that was not used yet: the public key that it stands for, and until when it is good. */
    code: z.object({ key: z.string(), until: z.iso.datetime() }).nullable(),
    enrolledAt: z.iso.datetime(),
    revokedAt: z.iso.datetime().nullable(),
    /** How often it was changed: of two hubs the one that knows of more has it right. None in what an earlier hdsync has written. */
    revision: z.int().min(0).exactOptional(),
  }),
)

/** A host as the hub has it on its list. */
export type Enrolled = z.output<typeof enrolled>

/**
 * The folder of a hub: `hub/` holds its keys, `hosts/` a file for each host, `broker/` what the NATS server reads. Only what is in
 * `broker/` is open to the user of the server.
 */
export class HubFolder {
  readonly path: string
  readonly #brokerGroup: number | undefined

  /** @param brokerGroup For `make`: the group of the user that the NATS server runs as, where there is one. */
  constructor(path: string, brokerGroup?: number) {
    this.path = path
    this.#brokerGroup = brokerGroup
  }

  get caFile(): string {
    return join(this.path, 'hub/ca.pem')
  }

  get caKeyFile(): string {
    return join(this.path, 'hub/ca.key')
  }

  get brokerFolder(): string {
    return join(this.path, 'broker')
  }

  /** Where the NATS server keeps its data; undefined before `hdsync fleet init`. */
  get store(): string | undefined {
    const file = join(this.path, 'hub/store')
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  }

  /** Whether a NATS server is beside this hub. */
  get hasBroker(): boolean {
    return existsSync(join(this.path, 'broker/nats.conf'))
  }

  /** Which of several NATS servers is beside this hub; undefined where there is one, or none here. */
  get server(): string | undefined {
    const file = join(this.path, 'broker/server')
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  }

  /** Whether `hdsync fleet init` was here. */
  get isMade(): boolean {
    return existsSync(join(this.path, 'hub/seed'))
  }

  /** Makes the folders, and the key of the hub if it has none. Safe to repeat. */
  make(): void {
    for (const [name, mode] of [
      ['', 0o711],
      ['hub', 0o700],
      ['hosts', 0o700],
      ['broker', 0o750],
    ] as const) {
      mkdirSync(join(this.path, name), { recursive: true })
      chmodSync(join(this.path, name), mode)
    }
    if (this.#brokerGroup !== undefined) giveTo(this.#brokerGroup, this.brokerFolder)
    if (!this.isMade) this.#write('hub/seed', `${newNkey().seed}\n`)
    void this.commandKey
  }

  /** The secret half of the key by which commands are signed, in PEM. It is made where an earlier hdsync has made this folder. */
  get commandKey(): string {
    const name = 'hub/commands.key'
    if (!existsSync(join(this.path, name))) this.#write(name, newCommandKey(), 'keep')
    return readFileSync(join(this.path, name), 'utf8')
  }

  /** What a host gets when it joins: what vouches for the server, and what its commands are signed by, in PEM. */
  get trusted(): string {
    return `${readFileSync(this.caFile, 'utf8')}${publicHalf(this.commandKey)}`
  }

  /** Writes the config of the NATS server, and what its unit has to do. Safe to repeat. @param server Which of several it is. */
  writeBroker(settings: BrokerSettings, server?: string): void {
    if (server !== undefined) this.#write('broker/server', `${server}\n`)
    this.#write('broker/nats.conf', brokerText(settings, this.brokerFolder))
    this.#write('broker/nats-server.service.conf', unitText(this.brokerFolder))
    this.#write('hub/store', `${settings.store}\n`)
    this.writeUsers()
  }

  /** Has the user of the NATS server read a file of `broker/`. */
  open(name: string): void {
    const path = join(this.brokerFolder, name)
    chmodSync(path, 0o640)
    this.#giveToBroker(path)
  }

  /** How the hub itself reaches the server. @throws {UsageError} `hdsync fleet init` was not here. */
  door({ servers }: Pick<FleetHub, 'role' | 'servers' | 'folder'>): BrokerDoor {
    if (!this.isMade)
      throw new UsageError(`${this.path} holds no keys of a hub`, { hint: 'make them: hdsync fleet init' })
    const seed = readFileSync(join(this.path, 'hub/seed'), 'utf8').trim()
    return { servers, seed, ca: readFileSync(this.caFile, 'utf8'), name: 'hdsync-hub' }
  }

  /** When the certificate of the server expires, in milliseconds since the epoch; undefined where there is none here. */
  get certificateEndsAt(): number | undefined {
    try {
      return new X509Certificate(readFileSync(join(this.brokerFolder, 'broker.pem'))).validToDate.getTime()
    } catch {
      return undefined
    }
  }

  /** Every host on the list, by name. */
  hosts(): Enrolled[] {
    const folder = join(this.path, 'hosts')
    if (!existsSync(folder)) return []
    const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
    return names.sort().flatMap((name) => this.host(name.slice(0, -'.json'.length)) ?? [])
  }

  /** @param name From wherever: what cannot be the name of a host is on no list. */
  host(name: string): Enrolled | undefined {
    if (!fleetHostName.test(name)) return undefined
    const file = join(this.path, 'hosts', `${name}.json`)
    return existsSync(file) ? enrolled.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined
  }

  /** Keeps how a host stands on the list; the server has to be told (`writeUsers`, `reloadBroker`). */
  keep(host: Enrolled): void {
    const revision = (this.host(host.host)?.revision ?? 0) + 1
    this.#write(`hosts/${host.host}.json`, `${JSON.stringify({ ...host, revision })}\n`)
  }

  /** Takes how another hub has a host on its list, if it knows of more. @returns Whether it does. */
  adopt(host: Enrolled): boolean {
    const own = this.host(host.host)
    if (own && !isNewer(host, own)) return false
    this.#write(`hosts/${host.host}.json`, `${JSON.stringify(host)}\n`)
    return true
  }

  /** Tells that the list has changed: by another process too. */
  get listMark(): string {
    const folder = join(this.path, 'hosts')
    return existsSync(folder) ? statSync(folder, { bigint: true }).mtimeNs.toString() : ''
  }

  /**
   * Writes who may do what at the server: from the list as it is now, so whoever writes last has it right.
   * @returns Whether that is another thing than stood there.
   */
  writeUsers(now = Date.now()): boolean {
    const hub = nkeyFromSeed(readFileSync(join(this.path, 'hub/seed'), 'utf8').trim()).publicKey
    const users = this.hosts().flatMap(({ host, key, code, revokedAt }) => {
      if (revokedAt !== null) return []
      const isOpen = code !== null && Date.parse(code.until) > now
      return [
        ...(key === null ? [] : [hostUser(host, key)]),
        ...(isOpen ? [joiningUser(host, code.key)] : []),
      ]
    })
    const text = usersText(hub, users)
    const path = join(this.path, 'broker/users.conf')
    if (existsSync(path) && readFileSync(path, 'utf8') === text) return false
    this.#write('broker/users.conf', text)
    return true
  }

  /**
   * Has the server read its users anew: whoever is not among them any more is cut off.
   * @returns Whether it runs, so far as its file tells; otherwise it reads them when it starts.
   */
  reloadBroker(): boolean {
    try {
      const pid = Number(readFileSync(join(this.store ?? '', pidFile), 'utf8').trim())
      if (!/^nats/.test(readFileSync(`/proc/${pid}/comm`, 'utf8'))) return false
      process.kill(pid, 'SIGHUP')
      return true
    } catch {
      return false
    }
  }

  /** @param others What is done with a file that is there already. */
  #write(name: string, text: string, others: 'keep' | 'replace' = 'replace'): void {
    const path = join(this.path, name)
    const isOpen = name.startsWith('broker/')
    const beside = `${path}.${process.pid}`
    rmSync(beside, { force: true })
    writeSynced(beside, 'wx', isOpen ? 0o640 : 0o600, Buffer.from(text))
    if (isOpen) this.#giveToBroker(beside)
    if (others === 'replace') {
      renameSync(beside, path)
      return
    }
    try {
      linkSync(beside, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(beside)
    }
  }

  /** To the group of the folder, which stands there for whoever writes later: the daemon has not to know the user of the server. */
  #giveToBroker(path: string): void {
    if (process.geteuid?.() === 0) giveTo(statSync(this.brokerFolder).gid, path)
  }
}

/** Whether one of two that stand for the same host knows of more. Both hubs have to decide alike; rights that were taken stay so. */
export function isNewer(one: Enrolled, other: Enrolled): boolean {
  const [a, b] = [one.revision ?? 0, other.revision ?? 0]
  if (a !== b) return a > b
  if ((one.revokedAt === null) !== (other.revokedAt === null)) return one.revokedAt !== null
  return JSON.stringify(one) > JSON.stringify(other)
}

function giveTo(group: number, path: string): void {
  chownSync(path, process.geteuid?.() ?? 0, group)
}
