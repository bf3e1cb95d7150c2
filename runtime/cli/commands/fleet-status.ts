import { anotherCertificate, certificateSoonMs, certificateText } from '../../backup/fleet/certificate.ts'
import { goneHubs, goneText } from '../../backup/fleet/hubs/standing.ts'
import { fleetOverview, type HostInFleet } from '../../backup/fleet/overview.ts'
import type { Config } from '../../config/config.ts'
import type { FleetHost, FleetHub } from '../../config/fleet.ts'
import { loadConfig } from '../../config/load.ts'
import { counted } from '../../count.ts'
import { UsageError } from '../../errors.ts'
import { HubFolder } from '../../host/fleet/hub-folder.ts'
import { didYouMean } from '../../nearest.ts'
import { shellQuote } from '../../shell-quote.ts'
import { connectDaemon } from '../daemon/client.ts'
import { exitCodes } from '../exit-codes.ts'
import { labelled } from '../fleet/choose.ts'
import { hostText } from '../fleet/host-text.ts'
import { pushedText } from '../fleet/pushed-text.ts'
import { slotsOf, slotsText } from '../fleet/slots.ts'
import { fleetText } from '../fleet/status-text.ts'
import { commandsGiven, hostRecord, hostRows, hubRole, waitingEvents } from '../fleet/waiting.ts'
import { localTime, painter } from '../format.ts'
import type { Io } from '../io.ts'
import type { FleetOptions } from './fleet.ts'

/**
 * `hdsync fleet status`: on the hub, how every host stands, the worst first, or one of them with its nights; on a host, what waits for the
 * hub. Looks only.
 * @returns 1 where a host is failing, overdue or silent, 5 where one is held, 3 where one is degraded or has told nothing yet, or the certificate ends soon.
 */
export async function fleetStatusCommand(
  host: string | undefined,
  options: FleetOptions & { label?: string },
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  if (host !== undefined && options.label !== undefined)
    throw new UsageError('name a host, or a label', { hint: `hdsync fleet status ${shellQuote([host])}` })
  if (config.fleet?.role === 'hub')
    return host === undefined
      ? hubStatus(config, config.fleet, options, io)
      : oneStatus(config, config.fleet, { ...options, host }, io)
  if (host !== undefined && config.fleet)
    throw new UsageError('this machine is not the hub of the fleet', {
      hint: 'hdsync fleet status, without a host',
    })
  if (config.fleet?.role === 'host') return hostStatus(config, config.fleet, options, io)
  throw new UsageError(`${config.file} has no \`fleet\``, {
    hint: 'many servers, one view: see deploy/docs/fleet.md, or /usr/share/doc/hdsync/docs/fleet.md',
  })
}

async function hubStatus(
  config: Config,
  { folder: path }: FleetHub,
  { json, label }: FleetOptions & { label?: string },
  io: Io,
): Promise<number> {
  const folder = new HubFolder(path)
  const now = Date.now()
  const rows = hostRows(config)
  const all = fleetOverview(rows, folder.hosts(), now, commandsGiven(config, now, rows))
  const hosts = label === undefined ? all : labelled(all, label)
  const slots = await slotsOf(await connectDaemon(config).catch(() => undefined))
  const placeOf = (name: string) => slots.places.find(({ host }) => host === name) ?? null
  if (json) io.stdout(`${JSON.stringify(hosts.map((one) => ({ ...one, slot: placeOf(one.host) })))}\n`)
  else io.stdout(`${fleetText(hosts, now, painter(io.colour), io.width)}${slotsText(slots)}`)
  const { certificateEndsAt: endsAt = Number.POSITIVE_INFINITY } = folder
  // What reads the JSON finds hosts in it, and nothing else.
  const tell = (text: string) => (json ? io.stderr(text) : io.stdout(text))
  const role = hubRole(config)
  if (role && !role.isActive)
    tell(`this hub stands by since ${localTime(Date.parse(role.since))}: ${role.active} acts\n`)
  for (const one of goneHubs(role)) tell(`${goneText(one)}\n  on ${one.hub}: systemctl status hdsync\n`)
  const certificate = certificateText(endsAt, now)
  if (certificate !== undefined) tell(`${certificate}\n  another one: ${anotherCertificate}\n`)
  return exitCodeFor(hosts, endsAt - now)
}

/** One host in full. @throws {UsageError} There is none of that name. */
function oneStatus(
  config: Config,
  { folder: path }: FleetHub,
  { host, json }: Pick<FleetOptions, 'json'> & { host: string },
  io: Io,
): number {
  const folder = new HubFolder(path)
  const now = Date.now()
  const { row, commands, nights, failures, set } = hostRecord(config, host, now)
  const enrolled = folder.host(host)
  const [found] = fleetOverview(row ? [row] : [], enrolled ? [enrolled] : [], now, commands)
  if (!found) {
    const known = [...hostRows(config), ...folder.hosts()].map((one) => one.host)
    throw new UsageError(`there is no host ${host} in the fleet`, {
      hint: didYouMean(host, known) ?? 'hdsync fleet status lists them',
    })
  }
  if (json) io.stdout(`${JSON.stringify({ ...found, nights, failures, set })}\n`)
  else
    io.stdout(hostText(found, { nights, failures, set }, { now, paint: painter(io.colour), width: io.width }))
  return exitCodeFor([found], Number.POSITIVE_INFINITY)
}

/** @param lastsMs How long the certificate of the server is good: without it no host tells anything. */
export function exitCodeFor(hosts: readonly Pick<HostInFleet, 'state'>[], lastsMs: number): number {
  const has = (...states: HostInFleet['state'][]) => hosts.some(({ state }) => states.includes(state))
  if (has('failing', 'overdue', 'silent') || lastsMs < 0) return exitCodes.failed
  if (has('held')) return exitCodes.held
  return has('degraded', 'waiting') || lastsMs < certificateSoonMs ? exitCodes.degraded : exitCodes.succeeded
}

/** What waits goes when the next process begins: that is no failure by itself. */
function hostStatus(config: Config, { servers }: FleetHost, { json }: FleetOptions, io: Io): number {
  const { count, since } = waitingEvents(config)
  const set = config.pushed?.values ?? []
  if (json) io.stdout(`${JSON.stringify({ waiting: count, since, servers, set })}\n`)
  else if (count === 0)
    io.stdout(`the hub has everything that this host had to tell (${servers.join(', ')})\n`)
  else
    io.stdout(
      `${counted(count, 'event')} wait for the hub, the oldest since ${since}\n  send them now: hdsync fleet send\n`,
    )
  if (!json && set.length > 0) io.stdout(pushedText(config.pushed))
  return exitCodes.succeeded
}
