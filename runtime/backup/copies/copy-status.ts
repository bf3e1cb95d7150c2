import type { Envelope } from '../../../events/index.ts'
import { standingArchives } from '../../host/archive/kept.ts'
import { vaultText } from '../../host/copies/vault/ssh.ts'
import { isMounted } from '../../host/target/is-mounted.ts'
import { readMarker } from '../../host/target/marker.ts'
import { isoOf } from '../../instant.ts'
import type { KeepPoint } from '../keep/points.ts'
import { sizeOf } from '../status/source-status.ts'
import { copiesEnded, lastGood, whenLate } from './history.ts'
import { copiesThere } from './look.ts'
import type { CopyPlace, DiskPlace } from './places.ts'
import { recordedCopies } from './recorded.ts'
import { archivesToCopy, type CopyFacts } from './to-copy.ts'

/** What a place has of the archives of a source. */
export interface SourceCopies {
  source: string
  /** Copies that were proven, the newest of them, and what they take. */
  archives: number
  newestAt: string | null
  sizeBytes: number
  /** Archives that are still to be copied. */
  waiting: number
}

/** How a place stands: what `hdsync copies --json` prints of it. */
export interface CopyStatus {
  copy: string
  /** Of a disk; null for a vault, which has `ssh` in their place. */
  target: string | null
  path: string | null
  /** As `backup@vault.example.org`; omitted for a disk. */
  ssh?: string
  /** Of a vault: whether what is sent there is encrypted. */
  encrypted?: boolean
  /** Whether its disk is mounted. Of a vault the record tells. */
  mounted: boolean
  /** `overdue`: it has not had everything for longer than `alert.after`; `none`: nothing was ever attempted. */
  state: 'succeeded' | 'failed' | 'absent' | 'cancelled' | 'overdue' | 'none'
  /** When it had everything last, and when that was last attempted. */
  lastGoodAt: string | null
  lastTriedAt: string | null
  sources: SourceCopies[]
  error: string | null
}

/** What is known of the archives of a source. */
export interface ArchivesKnown extends Pick<CopyFacts, 'isUnusual' | 'clockAgrees'> {
  source: string
  points: readonly KeepPoint[]
}

/** Events of the store, the newest first. */
export interface CopyRecord {
  /** Of the kinds in `copyEnds`. */
  ends: readonly Envelope[]
  /** Of the kind `copy.kept`. */
  kept: readonly Envelope[]
}

/** How places stand: by their disks where those are mounted, by the record where not. Mounts nothing. */
export async function copyStatuses(
  places: readonly CopyPlace[],
  sources: readonly ArchivesKnown[],
  record: CopyRecord,
  now: number,
): Promise<CopyStatus[]> {
  const history = copiesEnded(record.ends)
  const iso = (ms: number | undefined) => (ms === undefined ? null : isoOf(ms))
  return Promise.all(
    places.map(async (place): Promise<CopyStatus> => {
      const { name } = place
      const last = history.find(({ result }) => result.copy === name)
      const mounted = place.kind === 'disk' && isThere(place)
      const wanted = sources.filter(({ source }) => place.sources.includes(source))
      return {
        ...{ copy: name, ...whereOf(place), mounted },
        state: whenLate(place, history, now) ? 'overdue' : (last?.result.state ?? 'none'),
        ...{ lastGoodAt: iso(lastGood(history, name)), lastTriedAt: iso(last?.at) },
        sources: await Promise.all(wanted.map((one) => copiesOf(place, one, mounted, record.kept))),
        error: last?.result.error ?? null,
      }
    }),
  )
}

async function copiesOf(
  place: CopyPlace,
  { source, points, isUnusual, clockAgrees }: ArchivesKnown,
  mounted: boolean,
  kept: readonly Envelope[],
): Promise<SourceCopies> {
  const { name, rules } = place
  const there =
    mounted && place.kind === 'disk'
      ? await copiesThere(place.target, source, standingArchives)
      : recordedCopies(kept, name, source)
  const good = there.filter(({ state }) => state === 'good')
  const newest = Math.max(...good.map(({ at }) => at))
  return {
    source,
    archives: good.length,
    newestAt: good.length > 0 ? isoOf(newest) : null,
    sizeBytes: sizeOf(good),
    waiting: archivesToCopy({ archives: points, there, rules, isUnusual, clockAgrees }).length,
  }
}

function whereOf(place: CopyPlace): Pick<CopyStatus, 'target' | 'path' | 'ssh' | 'encrypted'> {
  if (place.kind === 'vault') {
    const encrypted = place.vault.encryptTo !== undefined
    return { target: null, path: null, ssh: vaultText(place.vault), encrypted }
  }
  return { target: place.target.name, path: place.target.path }
}

function isThere({ target }: DiskPlace): boolean {
  try {
    return isMounted(target) && readMarker(target.path)?.target === target.name
  } catch {
    return false
  }
}
