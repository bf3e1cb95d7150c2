import { copyKept, type Envelope, sourceKept } from '../../../events/index.ts'
import type { Config, Source } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import { reachingBack, toldAt } from '../../core/bus/reaching-back.ts'
import { archiveFile } from '../../host/archive/archive-file.ts'
import { vaultText } from '../../host/copies/vault/ssh.ts'
import { identify, mirrorPath } from '../../host/mirror/mirror-identity.ts'
import { readMounts } from '../../host/mount/mountinfo.ts'
import { dayOf } from '../../host/points/archive-night.ts'
import { configuredPoints, type FoundPoints } from '../../host/points/configured-points.ts'
import { liveRoots } from '../../host/points/live-sources.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { withProofs } from '../../host/proof/proven-points.ts'
import { isoOf } from '../../instant.ts'
import type { VaultCopy } from '../../vault-protocol.ts'
import { copyPoints } from '../copies/copy-points.ts'
import { type CopyPlace, copyPlaces } from '../copies/places.ts'
import { recordedCopies } from '../copies/recorded.ts'
import { copiesInVault } from '../copies/vault-copies.ts'
import { isMissing, nightsLookedAt, notThere, prunedOf } from '../keep/missing.ts'
import { type Drilled, drillEnds, drilled, drillsLookedAt, pointProven } from '../proof/drill-history.ts'
import type { LiveSource } from './place.ts'
import {
  type ToldPoints,
  tellOfPoints,
  toldPoints,
  type Unseen,
  unseenPoints,
  withRecord,
} from './told-points.ts'
import { byAge } from './when.ts'

/** What is known of restore points, whether their disks are there or not. */
export interface KnownPoints extends FoundPoints {
  /** The files of archives whose disks are not there, by the ids of their restore points. */
  files: ReadonlyMap<string, string>
  /** Archives on record that are not on their disks, although those are there; none unless they are wanted. */
  missing: readonly RestorePoint[]
}

/** Reads the record of what has been. */
export type ReadRecord = <T>(from: (past: { bus: Pick<EventBus, 'events'> }) => T) => T

/** What of the record is read, where not all of it is needed. */
export interface Wanted {
  /** The source alone whose points are wanted. */
  source?: string
  /** Nights since then, in milliseconds since the epoch: of what is older only the disks tell. */
  since?: number
  /** What vaults have said that they have, by the names of the copies; of others the record tells. */
  toldByVaults?: ReadonlyMap<string, readonly VaultCopy[]>
  /** Whether archives that are missing are looked for. */
  missing?: boolean
}

/**
 * The restore points on the disks that are there, with what the record tells of them; of disks that are not there, those that
 * the record tells of. Looks only, and mounts nothing.
 * @returns By source, the newest first.
 */
export async function knownPoints(
  config: Config,
  read: ReadRecord,
  { source: only, since, toldByVaults = new Map(), missing: wantsMissing = false }: Wanted = {},
): Promise<KnownPoints> {
  const isWanted = (name: string) => only === undefined || only === name
  const found = configuredPoints(config)
  const absent = found.absent
  const points = found.points.filter(({ source }) => isWanted(source))
  const { away: awayPlaces = [], there: placesThere = [] } = Object.groupBy(copyPlaces(config), (place) =>
    place.kind === 'vault' || absent.has(place.target.name) ? 'away' : 'there',
  )
  const told = read(({ bus }) => {
    const of = (subject: string) => toldPoints(historyOf(bus, subject, since))
    const configured = Object.keys(config.sources).filter(isWanted)
    const names = new Set([...configured, ...points.map(({ source }) => source)])
    const ends = bus.events({ types: endsOfDrills, newestFirst: true, limit: drillsLookedAt })
    const wantsCopies = awayPlaces.length > 0 || (wantsMissing && placesThere.length > 0)
    const kept = wantsCopies
      ? bus.events({ types: [copyKept.type], newestFirst: true, limit: mostEvents })
      : []
    return {
      kept,
      points: new Map([...names].map((source) => [source, of(source)])),
      drills: drilled(ends),
    }
  })
  const seen: RestorePoint[] = []
  for (const point of points) {
    const known = told.points.get(point.source)
    seen.push(known ? withRecord(point, known, await identityOf(point, config)) : point)
  }
  const { away: unseen = [], there: recorded = [] } = Object.groupBy(
    Object.values(config.sources).flatMap((source) => unseenOf(source, config, told.points.get(source.name))),
    ({ point }) => (absent.has(point.target) ? 'away' : 'there'),
  )
  const away = unseenCopies(awayPlaces, told.kept, toldByVaults).filter(({ point }) => isWanted(point.source))
  for (const place of awayPlaces)
    if (place.kind === 'vault' && !toldByVaults.has(place.name)) absent.set(vaultText(place.vault), inVault)
  const unseenFiles = [...unseen, ...away].flatMap(({ point: { id }, file }) =>
    file === undefined ? [] : [[id, file] as const],
  )
  const files = new Map(unseenFiles)
  const missing = () => {
    const onDisks = [...recorded, ...unseenCopies(placesThere, told.kept, toldByVaults)]
    const onRecord = onDisks.map(({ point }) => point).filter(({ source }) => isWanted(source))
    return bySource(missingOf(notThere(onRecord, points), read))
  }
  const all = [...(await withProofs(seen)), ...[...unseen, ...away].map(({ point }) => point)]
  return {
    points: bySource(all.map((point) => withProof(point, told.drills))),
    absent,
    files,
    missing: wantsMissing ? missing() : [],
  }
}

function withProof(point: RestorePoint, drills: readonly Drilled[]): RestorePoint {
  const at = pointProven(drills, point)
  return at === undefined ? point : { ...point, provenRestoreAt: isoOf(at) }
}

/** Restore points by source, the newest first. */
export function bySource(points: readonly RestorePoint[]): RestorePoint[] {
  return points.toSorted((one, other) =>
    one.source === other.source ? byAge(one, other) : one.source < other.source ? -1 : 1,
  )
}

/** Sources of the config, and those that only have backups left. */
export function liveSources(points: readonly RestorePoint[], config: Config | undefined): LiveSource[] {
  const mounts = readMounts()
  const known = Object.values(config?.sources ?? {})
  const names = known.map(({ name }) => name)
  const others = [...new Set(points.map(({ source }) => source))].filter((name) => !names.includes(name))
  return [
    ...known.map((source) => ({ name: source.name, roots: liveRoots(source, mounts) })),
    ...others.map((name) => ({ name, roots: [] })),
  ]
}

/** What the record tells of copies in places that cannot be looked at. @param kept Events of that kind, the newest first. */
function unseenCopies(
  places: readonly CopyPlace[],
  kept: readonly Envelope[],
  toldByVaults: ReadonlyMap<string, readonly VaultCopy[]>,
): Unseen[] {
  return places.flatMap((place) => {
    const told = place.kind === 'vault' ? toldByVaults.get(place.name) : undefined
    if (place.kind === 'disk' || !told)
      return place.sources.flatMap((source) =>
        copyPoints(place, source, recordedCopies(kept, place.name, source)),
      )
    const sources = [...new Set(told.map(({ source }) => source))]
    return sources.flatMap((source) => copyPoints(place, source, copiesInVault(place.vault, told, source)))
  })
}

/** Why what it has cannot be looked at by itself. */
const inVault = 'it is a vault, which is asked only where it is named'

/** What is on record of the restore points of a source, of each kind the newest first; of what was kept the last alone. */
function historyOf(bus: Pick<EventBus, 'events'>, subject: string, since: number | undefined): Envelope[] {
  const read = (types: string[], limit: number) => bus.events({ types, subject, newestFirst: true, limit })
  const reach = { since, few: fewEvents, most: mostEvents }
  return [...reachingBack((limit) => read(types, limit), reach, toldAt), ...read([sourceKept.type], 1)]
}

/** Those that should be there. What was pruned is read of their sources alone. */
function missingOf(gone: readonly RestorePoint[], read: ReadRecord): RestorePoint[] {
  if (gone.length === 0) return []
  const bySource = Map.groupBy(gone, ({ source }) => source)
  const newest = { types: [sourceKept.type], newestFirst: true, limit: nightsLookedAt }
  return read(({ bus }) =>
    [...bySource].flatMap(([subject, points]) => {
      const pruned = prunedOf(bus.events({ ...newest, subject }))
      return points.filter((point) => isMissing(point, pruned))
    }),
  )
}

const types = tellOfPoints.filter((kind) => kind !== sourceKept).map(({ type }) => type)
const endsOfDrills = drillEnds.map(({ type }) => type)
/** More than those of a week, mirror and archive. */
const fewEvents = 20
/** More than all nights of a year that are on record, mirror and archive. */
const mostEvents = 1000

async function identityOf(point: RestorePoint, config: Config): Promise<string | undefined> {
  if (point.kind !== 'mirror') return (await archiveFile(point.path))?.file
  const target = config.targets[point.target]
  return target && identify(target, point.path).id
}

function unseenOf(source: Source, { targets, archive }: Config, told: ToldPoints | undefined): Unseen[] {
  const target = targets[source.target]
  const shelf = archive && targets[archive.target]
  if (!target || !told) return []
  return unseenPoints(told, {
    source: source.name,
    target: target.name,
    mirror: mirrorPath(target, source),
    archives: shelf && { target: shelf.name, path: shelf.path },
    dayOf,
  })
}
