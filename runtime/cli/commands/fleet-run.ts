import { setTimeout as sleep } from 'node:timers/promises'
import { backupStart, copyStart, drillStart, syncMeant, verifyStart } from '../../../events/index.ts'
import {
  type CommandState,
  type CommandWish,
  type GivenCommand,
  isOpen,
} from '../../backup/fleet/commands/given.ts'
import { fleetOverview, type HostInFleet } from '../../backup/fleet/overview.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { UsageError } from '../../errors.ts'
import { cancelType, longestCommandMs } from '../../fleet-protocol.ts'
import { HubFolder } from '../../host/fleet/hub-folder.ts'
import { formatDuration, parseDuration } from '../../units.ts'
import { asked, type Daemon } from '../daemon/client.ts'
import { commandIds, type SlotsAnswer } from '../daemon/local.ts'
import { daemonOf } from '../daemon/remote.ts'
import { exitCodes } from '../exit-codes.ts'
import { chosenHosts, type HostChoice } from '../fleet/choose.ts'
import { pauseText, slotsOf } from '../fleet/slots.ts'
import { commandText } from '../fleet/status-text.ts'
import { commandsGiven, heldRun, hostRows } from '../fleet/waiting.ts'
import type { Io } from '../io.ts'
import type { FleetOptions } from './fleet.ts'

export interface FleetRunOptions extends FleetOptions, HostChoice {
  verify?: boolean
  drill?: boolean
  copy?: boolean
  /** A source. */
  release?: string
  /** So many hosts are at it at once at most. */
  atMost?: string
  /** How long the command is good. */
  within?: string
  /** How long a host may take to answer before it is left to come later. */
  patience?: string
  wait?: boolean
}

const pollMs = 500

/**
 * `hdsync fleet run`: has hosts make a backup, or something else; each does it if its config permits that. Follows it to the end, but
 * for hosts that are not there: they get it later.
 * @returns 1 where a host has refused it or it has failed there, 5 where one holds, 3 where one has not answered or is degraded.
 */
export async function fleetRunCommand(names: string[], options: FleetRunOptions, io: Io): Promise<number> {
  const forMs = durationOf('--within', options.within ?? '1d', longestCommandMs)
  const patienceMs = durationOf('--patience', options.patience ?? '30s', longestCommandMs)
  const { config, fleet, daemon } = await hubWithDaemon(options, io)
  const hosts = chosenHosts(names, options, fleet)
  const atMost = atMostOf(options, hosts)
  const wishes = wishesOf(hosts, options, config)
  if (wishes.length === 0)
    throw new UsageError('there is no host in the fleet', { hint: 'hdsync fleet enroll HOST' })
  const { ids } = commandIds.parse(await asked(daemon.post('/fleet/commands', { wishes, forMs, atMost })))
  return followCommands(ids, { config, fleet, daemon }, { ...options, patienceMs }, io)
}

/** Says what becomes of commands. @returns The exit code. */
export async function followCommands(
  ids: readonly string[],
  { config, fleet, daemon }: { config: Config; fleet: readonly HostInFleet[]; daemon: Daemon },
  { json, wait, patienceMs }: { json?: boolean; wait?: boolean; patienceMs: number },
  io: Io,
): Promise<number> {
  const said = new Map(fleet.map((one) => [one.host, one]))
  const lineOf = (command: GivenCommand) =>
    `${command.host}: ${commandText(command, said.get(command.host))}\n`
  const given = () => commandsGiven(config, Date.now()).filter(({ id }) => ids.includes(id))
  const slots = () => slotsOf(daemon)
  for (const pause of (await slots()).paused) io.stderr(`hdsync: ${pauseText(pause)}\n`)
  const options = { lineOf, ...(json && { json }) }
  const told = wait === false ? new Set<string>() : await followed({ given, slots, patienceMs }, options, io)
  const commands = given()
  if (json) io.stdout(`${JSON.stringify(commands)}\n`)
  else for (const command of commands) if (!told.has(command.id)) io.stdout(lineOf(command))
  return wait === false ? exitCodes.succeeded : exitCodeFor(commands)
}

/**
 * Waits until all is over, or only hosts that are not there are missing. Says meanwhile who is at it, and how each has ended.
 * @returns Of which commands it has told the end.
 */
async function followed(
  { given, slots, patienceMs }: Followed,
  { json, lineOf }: FleetOptions & { lineOf: (command: GivenCommand) => string },
  io: Io,
): Promise<Set<string>> {
  const taken = new Set<string>()
  const waiting = new Set<string>()
  const told = new Set<string>()
  for (const until = Date.now() + patienceMs; ; await sleep(pollMs)) {
    const commands = given()
    for (const command of json ? [] : commands) {
      const { id, state } = command
      if (state === 'taken' && !taken.has(id)) io.stderr(lineOf(command))
      if (state === 'taken') taken.add(id)
      if (isOpen(state) || told.has(id)) continue
      told.add(id)
      io.stdout(lineOf(command))
    }
    if (!json && commands.some(({ state }) => state === 'taken'))
      for (const line of slotLines(commands, (await slots()).places, waiting)) io.stderr(line)
    const isOver = ({ state }: GivenCommand) => !isOpen(state) || (state === 'waiting' && Date.now() >= until)
    if (commands.every(isOver)) return told
  }
}

interface Followed {
  given(): GivenCommand[]
  slots(): Promise<Pick<SlotsAnswer, 'places'>>
  patienceMs: number
}

/** Which hosts have come to wait for a slot, or wait no more. @param waiting Hosts that wait; it is kept up to date. */
export function slotLines(
  commands: readonly Pick<GivenCommand, 'host' | 'state'>[],
  places: SlotsAnswer['places'],
  waiting: Set<string>,
): string[] {
  const hosts = new Set(commands.flatMap(({ host, state }) => (state === 'taken' ? host : [])))
  return places.flatMap((place) => {
    const { host, server, state } = place
    if (!hosts.has(host) || waiting.has(host) === (state === 'waits')) return []
    if (state === 'waits') waiting.add(host)
    else waiting.delete(host)
    return [
      `${host}: ${state === 'waits' ? 'waits for' : state === 'granted' ? 'has' : 'goes on without'} a slot of ${server}\n`,
    ]
  })
}

/** @throws {UsageError} It is no number, or there is a host that it cannot hold. */
function atMostOf({ atMost }: FleetRunOptions, hosts: readonly HostInFleet[]): number | undefined {
  if (atMost === undefined) return undefined
  const count = Number(atMost)
  if (!Number.isInteger(count) || count < 1)
    throw new UsageError(`--at-most ${atMost} is not a whole number from 1`)
  const free = hosts.find(({ slotServer }) => slotServer === null)
  if (!free) return count
  throw new UsageError(`${free.host} waits for no slots: --at-most cannot hold it`, {
    hint: 'it does with `fleet: { slot: { server } }` in its config; --server NAME leaves out those that do not',
  })
}

/** `hdsync fleet cancel`: ends what hosts were asked for: what waits is not sent any more, a run is cancelled there. */
export async function fleetCancelCommand(
  names: string[],
  options: FleetOptions & HostChoice,
  io: Io,
): Promise<number> {
  const { config, fleet, daemon } = await hubWithDaemon(options, io)
  const hosts = new Set(chosenHosts(names, options, fleet).map(({ host }) => host))
  const open = commandsGiven(config, Date.now()).filter(
    ({ host, state, type }) => hosts.has(host) && isOpen(state) && type !== cancelType,
  )
  const ids = open.map(({ id }) => id)
  if (ids.length > 0) await asked(daemon.post('/fleet/cancel', { ids, forMs: longestCommandMs }))
  if (options.json)
    io.stdout(`${JSON.stringify({ cancelled: open.map(({ id, host, type }) => ({ id, host, type })) })}\n`)
  else if (open.length === 0) io.stdout('nothing that was asked for is still open\n')
  else
    for (const { host, type, state } of open)
      io.stdout(
        `${host}: ${type} ${state === 'waiting' ? 'is not sent any more' : 'is cancelled there: hdsync fleet status'}\n`,
      )
  return exitCodes.succeeded
}

/** @throws {UsageError} The config is not that of a hub, or its daemon is not there. */
export async function hubWithDaemon(
  { config: path }: FleetOptions,
  { env }: Io,
): Promise<{ config: Config; fleet: HostInFleet[]; daemon: Daemon }> {
  const config = await loadConfig({ path, env })
  if (config.fleet?.role !== 'hub')
    throw new UsageError(`${config.file} is not the config of a hub`, { hint: 'hosts are asked from there' })
  const daemon = await daemonOf(config)
  if (!daemon)
    throw new UsageError('the daemon of the hub does not run: nothing can be asked of a host', {
      hint: 'systemctl restart hdsync',
    })
  const hosts = new HubFolder(config.fleet.folder).hosts()
  return { config, daemon, fleet: fleetOverview(hostRows(config), hosts, Date.now()) }
}

/** @throws {UsageError} More than one thing is wanted. */
function wishesOf(
  hosts: readonly HostInFleet[],
  { verify, drill, copy, release }: FleetRunOptions,
  config: Config,
): CommandWish[] {
  const types = [
    verify && verifyStart.type,
    drill && drillStart.type,
    copy && copyStart.type,
    release !== undefined && syncMeant.type,
  ].filter((type) => typeof type === 'string')
  if (types.length > 1) throw new UsageError('one of --verify, --drill, --copy and --release at a time')
  const [type = backupStart.type] = types
  return hosts.map(({ host }) => ({
    host,
    type,
    request:
      release === undefined ? {} : { source: release, run: heldRun(config, { host, source: release }) },
  }))
}

/** @throws {UsageError} It is none, or too long. */
export function durationOf(option: string, text: string, mostMs: number): number {
  const ms = parseDuration(text)
  if (!ms || ms < 1000 || ms > mostMs)
    throw new UsageError(`${option} ${text} is not a duration between 1s and ${formatDuration(mostMs)}`, {
      hint: `write ${option} 12h`,
    })
  return ms
}

/** @returns The worst that is true of one of them. */
export function exitCodeFor(commands: readonly Pick<GivenCommand, 'state'>[]): number {
  const has = (...states: CommandState[]) => commands.some(({ state }) => states.includes(state))
  if (has('refused', 'failed', 'expired')) return exitCodes.failed
  if (has('held')) return exitCodes.held
  return has('waiting', 'taken', 'degraded', 'cancelled', 'withdrawn')
    ? exitCodes.degraded
    : exitCodes.succeeded
}
