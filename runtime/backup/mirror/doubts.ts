import {
  type DataOf,
  type Envelope,
  type EventDefinition,
  mirrorSuspect,
  readStored,
  sourceFailed,
  sourceSynced,
  syncHeld,
} from '../../../events/index.ts'
import type { Boots } from '../../host/boots.ts'
import { tickMs, type Written } from '../../host/mirror/compare.ts'

/** Which files may differ between a source and its mirror although they have the same size and time in both. */
export type Doubt =
  | { of: 'everything'; reason: string }
  /** Files that were changed then. */
  | ({ of: 'written' } & Required<Written>)

/** The kinds of events about a source that `doubtOf` has to know. */
export const bearsOnDoubt: readonly EventDefinition[] = [mirrorSuspect, sourceSynced, sourceFailed, syncHeld]

type Synced = DataOf<typeof sourceSynced>

const tellsOfMirror: readonly string[] = [mirrorSuspect.type, sourceSynced.type]

/** File systems round times down: ext3 and reiserfs to a second, vfat to two. */
const granuleMs = 2_000

/**
 * Whether sizes and times tell what has changed since a mirror was last good. A file that is written once more within
 * the granule of its time after it was copied looks as it did before. So does one whose time was set back after it was
 * written, on either side: but its time of change (ctime), which nobody can set, tells. So may any that was written when
 * the power failed (see Boots).
 * @param history The latest events of these kinds about one source, newest first.
 * @param mirror The mirror, as Mirror.id names it; undefined for the one that was copied to last.
 */
export function doubtOf(
  history: readonly Envelope[],
  mirror: string | undefined,
  boots: Pick<Boots, 'inOrderSince'>,
  nowMs: number,
): Doubt | undefined {
  const told = history.filter(({ type }) => tellsOfMirror.includes(type))
  const last = told.find((event) => mirror === undefined || isOf(mirror, event))
  if (!last) {
    // After a first copy that failed, sizes and times do tell.
    if (told.length === 0 && history.length > 0) return undefined
    return everything('no good copy to this mirror is known')
  }
  if (last.type === mirrorSuspect.type) return everything('the mirror is suspect')
  const { boot, read, unchanged } = readStored(sourceSynced, last.data).data ?? {}
  if (boot === undefined || !boots.inOrderSince(boot)) {
    return everything('the machine went down since the last good copy, and was not shut down in order')
  }
  if (!read) return undefined
  const copiedMs = Date.parse(last.time)
  if (nowMs < copiedMs) return everything('the clock was put back since the last good copy')
  // A copy that failed since may have written anything until now.
  const newest = history.find((event) => event === last || !tellsOfMirror.includes(event.type))
  const toMs = newest === last ? Date.parse(read.to) : nowMs
  const fromMs = Date.parse(read.from)
  const mirrorMs = othersFrom({ read, unchanged }, copiedMs)
  return { of: 'written', fromMs: fromMs - granuleMs, toMs, mirrorMs, nowMs }
}

/**
 * From when on what changes in a mirror is changed by others than the copy: from its end, and after one that wrote nothing
 * from its beginning. Whoever looks goes back by a tenth of a second, as the kernel's clock for files is behind; but not to
 * before the last byte of the copy, which sets the times of folders then.
 * @param copiedMs When it was on the disk.
 */
export function othersFrom(
  { read, unchanged }: { read: NonNullable<Synced['read']>; unchanged: Synced['unchanged'] },
  copiedMs: number,
): number {
  return unchanged ? Date.parse(read.from) : Math.max(copiedMs, Date.parse(read.to) + tickMs)
}

/** `mirror.suspect` of an interrupted run names no mirror: it may have been any. */
function isOf(mirror: string, { type, data }: Envelope): boolean {
  const named = (data as { mirror?: string }).mirror
  return named === mirror || (named === undefined && type === mirrorSuspect.type)
}

function everything(reason: string): Doubt {
  return { of: 'everything', reason }
}
