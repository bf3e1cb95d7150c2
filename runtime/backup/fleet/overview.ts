import * as z from 'zod'
import type { HostRow } from '../../core/bus/sqlite/fleet/inbox.ts'
import { cancelType, type ToldDisk, toldDisk } from '../../fleet-protocol.ts'
import type { Enrolled } from '../../host/fleet/hub-folder.ts'
import { isoOf, localMinute } from '../../instant.ts'
import { formatDuration } from '../../units.ts'
import { tellsTooMuch } from './allowance.ts'
import type { GivenCommand } from './commands/given.ts'
import { type HostState, readState } from './host-state.ts'

/** How a host stands, the worst first. */
export const hostStandings = [
  'failing',
  'overdue',
  'silent',
  'held',
  'waiting',
  'degraded',
  'good',
  'revoked',
] as const
export type HostStanding = (typeof hostStandings)[number]

/** The disk of a target, as its host has told last. */
export interface DiskInFleet extends ToldDisk {
  /** Days until it is full, from when that was told; null where that is not known, or it does not fill up. */
  daysLeft: number | null
}

/** A host as `hdsync fleet status --json` prints it. Moments are ISO 8601. */
export interface HostInFleet {
  host: string
  state: HostStanding
  /** What is not well, a line each. */
  troubles: string[]
  /** When the hub last heard of it, by the clock of the hub. */
  heardAt: string | null
  /** Of the source whose last success is longest ago, by the clock of the host; null where one never succeeded. */
  lastGoodAt: string | null
  /** The last restore that a drill has proven. */
  lastProvenAt: string | null
  sources: {
    source: string
    state: string
    lastGoodAt: string | null
    overdue: boolean
    error: string | null
  }[]
  version: string | null
  labels: string[]
  silentAfterMs: number | null
  /** What the hub may ask of it; null where it has not said: an hdsync that knows of no commands, or has not told anything yet. */
  obeys: string[] | null
  /** The backup server whose slots its runs wait for; null where they wait for none. */
  slotServer: string | null
  /** Of its targets, the one that is full first before the others; none where it has not told of any. */
  disks: DiskInFleet[]
  /** What the hub asked of it in the last days, the newest first. */
  commands: Omit<GivenCommand, 'host'>[]
  /** Events that neither the host nor the broker has any more: told to a hub whose store was lost. */
  missing: number
}

/** Whether a command is worth a line: what is well done, or was taken back, is no news. */
export function isOfNote({ state, type }: Pick<GivenCommand, 'state' | 'type'>): boolean {
  if (type === cancelType) return state === 'refused'
  return ['waiting', 'taken', 'refused', 'expired', 'failed'].includes(state)
}

const about = z.object({
  version: z.string(),
  labels: z.array(z.string()),
  silentAfterMs: z.number(),
  obeys: z.array(z.string()).optional(),
  slot: z.string().exactOptional(),
  disks: z.array(toldDisk).optional(),
})

function aboutOf({ about: value }: Pick<HostRow, 'about'>) {
  return about.safeParse(value).data
}

/** Hosts that have said nothing for longer than they said they would. */
export function silentHosts(
  rows: readonly HostRow[],
  now: number,
): { host: string; heardAt: number; silentAfterMs: number }[] {
  return rows.flatMap((row) => {
    const silentAfterMs = aboutOf(row)?.silentAfterMs
    const isSilent = silentAfterMs !== undefined && now - row.heardAt > silentAfterMs
    return isSilent ? [{ host: row.host, heardAt: row.heardAt, silentAfterMs }] : []
  })
}

/** Every host on the list or heard of, worst first, by name where they are equally bad. @param now Milliseconds since the epoch. */
export function fleetOverview(
  rows: readonly HostRow[],
  list: readonly Enrolled[],
  now: number,
  commands: readonly GivenCommand[] = [],
): HostInFleet[] {
  const asked = Map.groupBy(commands, ({ host }) => host)
  const known = new Map(rows.map((row) => [row.host, row]))
  const enrolled = new Map(list.map((one) => [one.host, one]))
  const silent = new Set(silentHosts(rows, now).map(({ host }) => host))
  return [...new Set([...known.keys(), ...enrolled.keys()])]
    .map((host) => ({
      ...hostInFleet(host, known.get(host), enrolled.get(host), silent.has(host), now),
      commands: (asked.get(host) ?? []).map(({ host: _, ...command }) => command).reverse(),
    }))
    .sort(
      (a, b) => hostStandings.indexOf(a.state) - hostStandings.indexOf(b.state) || (a.host < b.host ? -1 : 1),
    )
}

function hostInFleet(
  host: string,
  row: HostRow | undefined,
  enrolled: Enrolled | undefined,
  isSilent: boolean,
  now: number,
): Omit<HostInFleet, 'commands'> {
  const said = row && aboutOf(row)
  const state = readState(row?.state)
  const isRevoked = enrolled !== undefined && enrolled.revokedAt !== null
  const silence =
    isSilent && row && !isRevoked
      ? [`nothing heard for ${formatDuration(Math.round((now - row.heardAt) / 60_000) * 60_000)}`]
      : []
  const sources = Object.entries(state.sources)
  const goods = sources.map(([, { lastGoodAt }]) => lastGoodAt)
  return {
    host,
    state: standingOf(state, { isSilent, isRevoked, isHeard: row !== undefined }),
    troubles: [...silence, ...troublesOf(state), ...(row || isRevoked ? [] : [waitingText(enrolled)])],
    heardAt: row ? isoOf(row.heardAt) : null,
    lastGoodAt: goods.includes(null) ? null : (goods.sort()[0] ?? null),
    lastProvenAt: state.lastProvenAt,
    sources: sources.map(([source, one]) => ({ source, ...one })),
    version: said?.version ?? null,
    labels: said?.labels ?? [],
    silentAfterMs: said?.silentAfterMs ?? null,
    obeys: said?.obeys ?? null,
    slotServer: said?.slot ?? null,
    disks: (said?.disks ?? []).map(withDaysLeft).sort((a, b) => fullIn(a) - fullIn(b)),
    missing: row?.missing ?? 0,
  }
}

function withDaysLeft(disk: ToldDisk): DiskInFleet {
  const { freeBytes, perDayBytes } = disk
  return { ...disk, daysLeft: perDayBytes !== null && perDayBytes > 0 ? freeBytes / perDayBytes : null }
}

function fullIn({ daysLeft }: DiskInFleet): number {
  return daysLeft ?? Number.MAX_VALUE
}

/** Fewer days are worth a line. */
const fewDays = 14

/** Whether a disk is full soon if it goes on as in the last nights. */
export function isFullSoon({ daysLeft }: DiskInFleet): boolean {
  return daysLeft !== null && daysLeft < fewDays
}

/** The worst that is true of a host. */
function standingOf(
  { sources, troubles, hour, lastRunState }: HostState,
  { isSilent, isRevoked, isHeard }: { isSilent: boolean; isRevoked: boolean; isHeard: boolean },
): HostStanding {
  if (isRevoked) return 'revoked'
  if (!isHeard) return 'waiting'
  const all = Object.values(sources)
  const ends = [...all.map(({ state }) => state), lastRunState ?? 'succeeded']
  const has = (...states: string[]) => ends.some((state) => states.includes(state))
  if (has('failed') || Object.keys(troubles).length > 0 || tellsTooMuch(hour)) return 'failing'
  if (all.some(({ overdue }) => overdue)) return 'overdue'
  if (isSilent) return 'silent'
  if (has('held')) return 'held'
  return has('degraded', 'cancelled') ? 'degraded' : 'good'
}

function troublesOf({ sources, troubles, hour, lastRunState }: HostState): string[] {
  const ofSources = Object.entries(sources).flatMap(([source, { state, error, overdue, lastGoodAt }]) => {
    const late = overdue
      ? [
          `${source} is overdue, last good ${lastGoodAt === null ? 'never' : localMinute(Date.parse(lastGoodAt))}`,
        ]
      : []
    const isWell = state === 'succeeded'
    return [...late, ...(isWell ? [] : [`${source}: ${state}${error === null ? '' : `: ${error}`}`])]
  })
  const much = tellsTooMuch(hour)
    ? [`tells too much: of its events since ${isoOf(hour.from)} not all are in the store of the hub`]
    : []
  const isTold = Object.values(sources).some(({ state }) => state === lastRunState)
  const run =
    lastRunState === null || lastRunState === 'succeeded' || isTold ? [] : [`last run: ${lastRunState}`]
  return [...run, ...ofSources, ...much, ...Object.values(troubles).map(({ text }) => text)]
}

function waitingText(enrolled: Enrolled | undefined): string {
  return enrolled?.key === null ? 'has not joined yet' : 'has told nothing yet'
}
