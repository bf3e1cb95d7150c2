import { isMeant, type SetThere } from '../../backup/fleet/commands/configure.ts'
import { fleetOverview, type HostInFleet } from '../../backup/fleet/overview.ts'
import type { Config } from '../../config/config.ts'
import type { FleetHub } from '../../config/fleet.ts'
import { loadConfig } from '../../config/load.ts'
import { flawOf, type PushedSet } from '../../config/pushed/merge.ts'
import { pushableKeys } from '../../config/pushed/rules.ts'
import { UsageError } from '../../errors.ts'
import { configSet, longestCommandMs } from '../../fleet-protocol.ts'
import { HubFolder } from '../../host/fleet/hub-folder.ts'
import { didYouMean } from '../../nearest.ts'
import { asked } from '../daemon/client.ts'
import { commandIds } from '../daemon/local.ts'
import { exitCodes } from '../exit-codes.ts'
import { chosenHosts, type HostChoice } from '../fleet/choose.ts'
import { pushedText } from '../fleet/pushed-text.ts'
import { configSetThere, hostRows } from '../fleet/waiting.ts'
import { printable } from '../format.ts'
import type { Io } from '../io.ts'
import { table } from '../table.ts'
import type { FleetOptions } from './fleet.ts'
import { durationOf, followCommands, hubWithDaemon } from './fleet-run.ts'

export interface FleetConfigOptions extends FleetOptions, HostChoice {
  /** `KEY=VALUE`. */
  set?: string[]
  unset?: string[]
  clear?: boolean
  within?: string
  patience?: string
  wait?: boolean
}

/**
 * `hdsync fleet config`: on the hub, sets something in the config of hosts, which take what makes them safer where their `obeys` names
 * `config.set`; without a change, says what is set. On a host: what its hub has set there.
 * @returns As `hdsync fleet run` for a change.
 */
export async function fleetConfigCommand(
  names: string[],
  options: FleetConfigOptions,
  io: Io,
): Promise<number> {
  const change = {
    set: (options.set ?? []).map(readPair),
    unset: options.unset ?? [],
    clear: options.clear ?? false,
  }
  const isChange = change.clear || change.set.length + change.unset.length > 0
  if (isChange) return changed(names, change, options, io)
  const config = await loadConfig({ path: options.config, env: io.env })
  if (config.fleet?.role === 'host') return onHost(config, options, io)
  if (config.fleet?.role === 'hub') return onHub(names, config, config.fleet, options, io)
  throw new UsageError(`${config.file} has no \`fleet\``, { hint: 'see hdsync fleet --help' })
}

async function changed(
  names: string[],
  change: { set: PushedSet; unset: string[]; clear: boolean },
  options: FleetConfigOptions,
  io: Io,
): Promise<number> {
  for (const key of change.unset)
    if (change.set.some((one) => one.key === key)) throw new UsageError(`${key} is both set and unset`)
  const forMs = durationOf('--within', options.within ?? '7d', longestCommandMs)
  const patienceMs = durationOf('--patience', options.patience ?? '30s', longestCommandMs)
  const { config, fleet, daemon } = await hubWithDaemon(options, io)
  const hosts = chosenHosts(names, options, fleet).map(({ host }) => host)
  if (hosts.length === 0)
    throw new UsageError('there is no host in the fleet', { hint: 'hdsync fleet enroll HOST' })
  // The hub may remember for less than it takes unless told otherwise.
  const within = options.within === undefined ? Math.min(forMs, config.keep) : forMs
  const body = { hosts, ...change, forMs: within }
  const { ids } = commandIds.parse(await asked(daemon.post('/fleet/config', body)))
  return followCommands(ids, { config, fleet, daemon }, { ...options, patienceMs }, io)
}

/** @throws {UsageError} No hub can set that. */
function readPair(text: string): PushedSet[number] {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1)
    throw new UsageError(`--set ${text} is not KEY=VALUE`, { hint: 'such as --set alert.after=24h' })
  const pair = { key: text.slice(0, at).trim(), value: text.slice(at + 1).trim() }
  const flaw = flawOf(pair)
  if (flaw === undefined) return pair
  const keys = pushableKeys()
  throw new UsageError(flaw, { hint: didYouMean(pair.key, keys) ?? `a hub can set ${keys.join(', ')}` })
}

function onHost({ pushed }: Config, { json }: FleetOptions, io: Io): number {
  if (json) {
    const { own: _, ...told } = pushed ?? {}
    io.stdout(`${JSON.stringify(pushed ? told : null)}\n`)
  } else io.stdout(pushedText(pushed))
  return exitCodes.succeeded
}

function onHub(
  names: readonly string[],
  config: Config,
  { folder }: FleetHub,
  options: FleetConfigOptions,
  io: Io,
): number {
  const now = Date.now()
  const fleet = fleetOverview(hostRows(config), new HubFolder(folder).hosts(), now)
  const isChosen = names.length > 0 || options.label !== undefined
  const hosts = isChosen ? chosenHosts(names, options, fleet) : fleet
  const there = configSetThere(
    config,
    hosts.map(({ host }) => host),
    now,
  )
  if (options.json) {
    const told = hosts.map(({ host }) => ({ host, ...inForce(there.get(host) ?? []) }))
    io.stdout(`${JSON.stringify(told)}\n`)
  } else io.stdout(thereText(hosts, there))
  return exitCodes.succeeded
}

/** @param all What was asked of a host, the newest first. */
function inForce(all: readonly SetThere[]) {
  const [last] = all
  const meant = all.find(isMeant)
  const refused = last?.state === 'refused' ? last.reason : null
  return { set: meant?.set ?? [], state: meant?.state ?? null, at: meant?.at ?? null, refused }
}

function thereText(hosts: readonly HostInFleet[], there: ReadonlyMap<string, SetThere[]>): string {
  const rows: string[][] = []
  const remarks: string[] = []
  for (const { host, obeys } of hosts) {
    const { set, state, refused } = inForce(there.get(host) ?? [])
    for (const { key, value } of set) rows.push([host, key, value, stateText(state)])
    if (refused !== null) remarks.push(`${host}: the last change was refused: ${printable(refused)}\n`)
    if (set.length > 0 && obeys !== null && !obeys.includes(configSet))
      remarks.push(`${host}: nothing of it is in force: its \`fleet.obeys\` does not name ${configSet}\n`)
  }
  const text = rows.length > 0 ? table([['HOST', 'KEY', 'VALUE', 'STATE'], ...rows]) : 'nothing is set\n'
  return `${text}${remarks.join('')}`
}

function stateText(state: SetThere['state'] | null): string {
  if (state === 'waiting') return 'waits for the host'
  return state === 'expired' ? 'is sent again when the host is back' : 'taken'
}
