import { runEnds, sourceSynced } from '../../../events/index.ts'
import type { Config, Target } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import { heldLists } from '../../host/mirror/held-lists.ts'
import { isoOf } from '../../instant.ts'
import type { CopyStatus } from '../copies/copy-status.ts'
import { openHold } from '../holds/holds.ts'
import { type ArchivedNight, isWeekday, type KeepPoint } from '../keep/points.ts'
import { disabledIn } from '../load-functions.ts'
import { type ReadPast, readPastOf } from '../past.ts'
import { drillEnds, drilled, drillsLookedAt } from '../proof/drill-history.ts'
import { lastProven, mirrorProven, turnOf, type VerifyStatus } from '../proof/standing.ts'
import { targetNow, uncataloguedNow } from './archives-now.ts'
import { roomNights, roomOf } from './disk-room.ts'
import { lookAtArchives, type ToldArchives, tellOfArchives } from './known-archives.ts'
import { nextRunAt } from './next-run.ts'
import { copiesOf, copiesOn } from './read-copies.ts'
import { forecastRoom, roomSamples } from './room.ts'
import { type SlotWait, slotWaitIn } from './slot-wait.ts'
import {
  inOrderOfNeed,
  isGood,
  resultsBySource,
  type SourceStatus,
  sizeOf,
  statusOf,
  syncedOf,
} from './source-status.ts'

/** How a target's disk stands: what `hdsync status --json` prints of it. */
export interface TargetStatus {
  target: string
  path: string
  mounted: boolean
  /** Of its disk, now or when it was last on record; null where neither is known. */
  freeBytes: number | null
  totalBytes: number | null
  /** What each kind takes: mirrors uncompressed, of archives those of the weekdays first. */
  tiers: { mirrors: number; weekdays: number; kept: number }
  perDayBytes: number | null
  /** Days until it is full, by the growth of the last nights. */
  daysLeft: number | null
}

/** What `hdsync status --json` prints. */
export interface Status {
  at: string
  state: 'succeeded' | 'degraded' | 'held' | 'failed'
  /** The run that is going on or waits, and when the timer starts the next. */
  run: string | null
  nextRunAt: string | null
  /** A run that waits until others of its fleet have come further; omitted where none does. `until`: it begins then at the latest. */
  waits?: SlotWait
  sources: SourceStatus[]
  targets: TargetStatus[]
  /** Functions of the user's that are disabled; omitted where there are none. */
  disabledFunctions?: readonly string[]
  /** How the reading of backups stands; omitted where nobody reads them again by itself. */
  verify?: VerifyStatus
  /** Other places that get copies of archives; omitted where there are none. */
  copies?: CopyStatus[]
}

/** What is read of the record of one source. */
interface Told extends ToldArchives {
  facts: Pick<Parameters<typeof statusOf>[0], 'since' | 'results' | 'hold' | 'synced'>
}

/**
 * Reads how everything stands: from the record, and from the disks that are mounted.
 * @param read Reads the record; the store itself unless given.
 * @param catalogues Without them nothing is told of archives that a catalogue does not know: each is a file to be read.
 */
export async function readStatus(
  config: Config,
  now: number,
  read: ReadPast = readPastOf(config),
  { catalogues = true }: { catalogues?: boolean } = {},
): Promise<Status> {
  const { told, unended, waits, drills, copied, nights } = read(({ bus, journal }) => {
    const unended = journal.unended(mostWaiting)
    return {
      ...toldWithRoom(config, bus, now),
      drills: drilled(bus.events({ types: endsOfDrills, newestFirst: true, limit: drillsLookedAt })),
      unended,
      waits: slotWaitIn(bus, unended),
      copied: copiesOn(config, bus),
    }
  })
  const run = unended.at(-1) ?? null
  const target = config.archive && config.targets[config.archive.target]
  const to = target && targetNow(target)
  const looked = await lookAtArchives(told, config, read)
  const unknown = await Promise.all(
    // While a run writes them, catalogues are behind for a moment.
    looked.map(({ name, points }) =>
      to && run === null && catalogues ? uncataloguedNow(name, to, points, config.state) : [],
    ),
  )
  const sources = looked.map(({ name, record, facts, points, proofs }, n) =>
    statusOf({
      ...facts,
      uncatalogued: unknown[n] ?? [],
      source: name,
      now,
      allowedMs: config.alert.after,
      points,
      provenAt:
        lastProven(record, proofs) ?? mirrorProven(name, config.targets[config.sources[name]?.target ?? '']),
      drills,
    }),
  )
  const copies = await copiesOf(config, looked, copied, now)
  const targets = await Promise.all(
    Object.values(config.targets).map((target) => targetStatus(target, config, sources, { looked, nights })),
  )
  const disabledFunctions = disabledIn(config.state)
  const next = await nextRunAt()
  const verify = await turnOf(config, now, read)
  return {
    at: isoOf(now),
    state: worstOf(sources, copies),
    run,
    nextRunAt: next === undefined ? null : isoOf(next),
    ...(waits && { waits }),
    sources: inOrderOfNeed(sources),
    targets,
    ...(disabledFunctions.length > 0 && { disabledFunctions }),
    ...(verify && { verify }),
    ...(copies.length > 0 && { copies }),
  }
}

/** By so many sources the room is foreseen. */
const roomWitnesses = 3
/** More runs than wait for their turn. */
const mostWaiting = 500
/** They tell of each source as a rule; thousands of runs take seconds to read. */
const runsLookedAtFirst = 40
const runsLookedAt = 2000
const endsOfDrills = drillEnds.map(({ type }) => type)

/** How each source fared in the last runs: as far back as its last success. */
function lastResults(sources: readonly string[], bus: EventBus): ReturnType<typeof resultsBySource> {
  const types = runEnds.map(({ type }) => type)
  const look = (limit: number) => resultsBySource(bus.events({ types, newestFirst: true, limit }))
  const few = look(runsLookedAtFirst)
  const isEnough = sources.every((name) => few.get(name)?.some(({ result }) => isGood(result)))
  return isEnough ? few : look(runsLookedAt)
}

function toldWithRoom(config: Config, bus: EventBus, now: number): { told: Told[]; nights: ArchivedNight[] } {
  const told = tellOf(config, bus, now)
  const newest = ({ record }: Told) => record.nights[0]?.provenAt ?? 0
  const witnesses = told.toSorted((one, other) => newest(other) - newest(one)).slice(0, roomWitnesses)
  const names = witnesses.map(({ name }) => name)
  return { told, nights: roomNights(names, bus, now) }
}

function tellOf(config: Config, bus: EventBus, now: number): Told[] {
  const results = lastResults(Object.keys(config.sources), bus)
  const begun = bus.events({ limit: 1 })[0]
  const lists = heldLists(config.state)
  return Object.keys(config.sources).map((name) => {
    const newest = { subject: name, newestFirst: true }
    return {
      ...tellOfArchives(name, bus, now),
      facts: {
        since: begun && Date.parse(begun.time),
        results: results.get(name) ?? [],
        hold: openHold({ bus, lists }, name),
        synced: syncedOf(bus.events({ ...newest, types: [sourceSynced.type], limit: 1 })[0]),
      },
    }
  })
}

async function targetStatus(
  target: Target,
  config: Config,
  sources: readonly SourceStatus[],
  {
    looked,
    nights: all,
  }: { looked: readonly { points: readonly KeepPoint[] }[]; nights: readonly ArchivedNight[] },
): Promise<TargetStatus> {
  const isArchive = config.archive?.target === target.name
  const nights = isArchive ? all : []
  const points = isArchive ? looked.flatMap(({ points }) => points) : []
  const weekdays = points.filter(({ folder }) => isWeekday(folder))
  const files = new Set(weekdays.map(({ file }) => file))
  const forecast = forecastRoom(roomSamples(nights))
  const mirrors = sources.filter(({ source }) => config.sources[source]?.target === target.name)
  return {
    target: target.name,
    path: target.path,
    ...(await roomOf(target, nights)),
    tiers: {
      mirrors: mirrors.reduce((sum, { mirrorBytes }) => sum + (mirrorBytes ?? 0), 0),
      weekdays: sizeOf(weekdays),
      kept: sizeOf(points.filter(({ folder, file }) => !isWeekday(folder) && !files.has(file))),
    },
    perDayBytes: forecast?.perDayBytes ?? null,
    daysLeft: forecast?.daysLeft ?? null,
  }
}

function worstOf(sources: readonly SourceStatus[], copies: readonly CopyStatus[]): Status['state'] {
  const states = new Set(sources.map(({ state }) => state))
  if (states.has('overdue') || states.has('failed') || states.has('cancelled')) return 'failed'
  const isLate = copies.some(({ state }) => state === 'overdue' || state === 'failed')
  return states.has('held') ? 'held' : states.has('degraded') || isLate ? 'degraded' : 'succeeded'
}
