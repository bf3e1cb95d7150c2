import {
  archiveDamaged,
  type DataOf,
  dataOf,
  type Envelope,
  type EventDefinition,
  type KeptArchive,
  sourceArchived,
  sourceKept,
  syncMeant,
  syncUnusual,
} from '../../../events/index.ts'
import type { StandingArchive } from '../../host/archive/kept.ts'
import { dateOf, weekdayOf, weekdays } from '../../weekday.ts'
import type { Dated } from './tiers.ts'

/** An archive on the disk, and what is known of it. */
export interface KeepPoint extends StandingArchive, Dated {
  /** `good`: proven when it was written, and nothing was found wrong with it since. `unknown`: nothing is on record. */
  state: KeptArchive['state']
  sha256?: string | undefined
}

/** The kinds of events about a source that tell of its archives. */
export const tellsOfArchives: readonly EventDefinition[] = [
  sourceArchived,
  sourceKept,
  archiveDamaged,
  // While something unusual is open nothing goes.
  syncUnusual,
  syncMeant,
]

/** A night's archive, as it was proven. */
export interface ArchivedNight extends DataOf<typeof sourceArchived> {
  /** When that was, in milliseconds since the epoch. */
  provenAt: number
  run: string
}

/** What the record tells of the archives of a source. */
export interface ArchiveRecord {
  /** The newest first. */
  nights: ArchivedNight[]
  kept: readonly KeptArchive[]
  /** The files that something is wrong with. */
  damaged: ReadonlySet<string>
}

/** @param events Of one source, of the kinds in `tellsOfArchives`, the newest first. */
export function archiveRecord(events: readonly Envelope[]): ArchiveRecord {
  const of = <E extends EventDefinition>(definition: E) =>
    events.flatMap((event) => {
      const data = dataOf(definition, event)
      return data ? [{ event, data }] : []
    })
  return {
    nights: of(sourceArchived).map(({ event, data }) => ({
      ...data,
      provenAt: Date.parse(event.time),
      run: event.runid ?? '',
    })),
    kept: of(sourceKept)[0]?.data.kept ?? [],
    damaged: new Set(of(archiveDamaged).map(({ data }) => data.file)),
  }
}

/** What stands on the disk, with what is known of it. */
export function pointsOf(standing: readonly StandingArchive[], record: ArchiveRecord): KeepPoint[] {
  return standing.map((one) => {
    const known = isWeekday(one.folder) ? weekdayKnown(one, record) : keptKnown(one, record)
    if (record.damaged.has(one.file)) return { ...one, ...known, state: 'damaged' }
    if (known.sizeBytes !== undefined && known.sizeBytes !== one.sizeBytes)
      return { ...one, ...known, sizeBytes: one.sizeBytes, state: 'damaged' }
    return { ...one, ...known }
  })
}

type Known = Pick<KeepPoint, 'at' | 'state' | 'sha256'> & { sizeBytes?: number }

function weekdayKnown({ path, file, folder, writtenMs }: StandingArchive, { nights }: ArchiveRecord): Known {
  const night = nights.find((one) => one.path === path && one.file === file)
  if (!night) return { at: writtenMs, state: 'unknown' }
  return proven(night, nightOf(night.provenAt, folder))
}

function keptKnown({ path, file, folder, writtenMs }: StandingArchive, record: ArchiveRecord): Known {
  const kept = record.kept.find((one) => one.path === path && one.file === file)
  if (kept) {
    const { at, state, sha256, sizeBytes } = kept
    return { at: Date.parse(at), state: state === 'damaged' ? 'unknown' : state, sha256, sizeBytes }
  }
  // It was given its name by a run that was cut off before it could say so.
  const date = folder.slice(folder.lastIndexOf('/') + 1)
  for (const night of record.nights) {
    const at = nightOf(night.provenAt, weekdayIn(night.path))
    if (night.file === file && dateOf(at) === date) return proven(night, at)
  }
  const noon = new Date(`${date}T12:00:00`).getTime()
  return { at: Number.isNaN(noon) ? writtenMs : noon, state: 'unknown' }
}

function proven({ sha256, sizeBytes }: ArchivedNight, at: number): Known {
  return { at, sizeBytes, state: sha256 === undefined ? 'unknown' : 'good', sha256 }
}

/** Whether a folder is that of a weekday. */
export function isWeekday(folder: string): boolean {
  return weekdays.some((weekday) => weekday === folder)
}

function weekdayIn(path: string): string {
  return path.split('/').at(-2) ?? ''
}

const dayMs = 86_400_000

/**
 * The moment that an archive is of: when it was proven, or the end of the day before if that was after midnight.
 * @param weekday The folder that it was put into, which is named by when the run began.
 */
export function nightOf(provenAt: number, weekday: string): number {
  for (let days = 0; days < weekdays.length; days++) {
    const at = days === 0 ? provenAt : new Date(provenAt - days * dayMs).setHours(23, 59, 59, 0)
    if (weekdayOf(at) === weekday) return at
  }
  return provenAt
}
