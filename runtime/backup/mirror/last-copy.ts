import { type DataOf, type Envelope, readStored, sourceSynced } from '../../../events/index.ts'
import type { Source } from '../../config/config.ts'
import type { Comparison, Since } from '../../host/mirror/compare.ts'
import type { MirrorIdentity } from '../../host/mirror/mirror-identity.ts'
import { contentsOf, dueShare } from './contents.ts'
import { othersFrom } from './doubts.ts'
import { digestOf } from './mirror-count.ts'

type Synced = DataOf<typeof sourceSynced>

/** A good copy after which nothing failed: the next one has to do with nothing but what has changed since. */
export interface LastCopy {
  since: Since
  counted: NonNullable<Synced['counted']>
  left: NonNullable<Synced['left']>
}

/** Rsync compares everything once in so long: half a day less than a week, as nights do not begin at the second. */
const comparedForMs = 6.5 * 24 * 3_600_000

/**
 * The last copy to a mirror, if what has changed since is all that the next one has to look at.
 * @param history The events of `bearsOnDoubt` about the source, newest first.
 */
export function lastCopy(
  history: readonly Envelope[],
  source: Source,
  { id, state }: MirrorIdentity,
  nowMs: number,
): LastCopy | undefined {
  if (id === undefined) return undefined
  const copies = history.filter(
    ({ type, data }) => type === sourceSynced.type && (data as Partial<Synced>).mirror === id,
  )
  const [last] = copies
  // A failed or held copy since may have been to any mirror.
  if (!last || history.slice(0, history.indexOf(last)).some(({ type }) => type !== sourceSynced.type))
    return undefined
  const { unchanged, read, counted, left } = readStored(sourceSynced, last.data).data ?? {}
  if (!read || !counted || !left) return undefined
  if (left.from !== placeOf(source) || counted.exclude !== digestOf(source.exclude)) return undefined
  // Another disk image was put back, or the root of the mirror was changed.
  if (left.mirrorState !== state) return undefined
  const sourceMs = Date.parse(read.from)
  const copiedMs = Date.parse(last.time)
  const since = { sourceMs, mirrorMs: othersFrom({ read, unchanged }, copiedMs) }
  const isOld = nowMs - Date.parse(left.compared) > comparedForMs
  // A clock that was set back does not tell what came first.
  if (isOld || nowMs < copiedMs || dueShare(contentsOf(history, id), nowMs)) return undefined
  return { since, counted, left }
}

/**
 * Whether a copy would do nothing: there are as many entries on both sides as the last one has left, those that are copied
 * are the same, and nothing, access lists and attributes included, has changed on either side since.
 */
export function isNeedless(last: LastCopy, now: Comparison): boolean {
  return (
    now.written === undefined &&
    now.facts?.changed === 0 &&
    now.facts.same === last.counted.files &&
    isAsLeft(last, now) &&
    now.sourceNames === last.left.sourceNames
  )
}

/** Whether the mirror has as many entries as the last copy has left. */
export function isAsLeft({ counted }: LastCopy, { mirrorNames }: Comparison): boolean {
  return mirrorNames === counted.files + counted.notCopied
}

/**
 * What later runs have to know of a copy that went well.
 * @param compared When rsync began to look at everything.
 * @returns undefined where not all of it is known.
 */
export function leftBy(
  source: Source,
  { state }: MirrorIdentity,
  sourceNames: number | undefined,
  compared: string,
): Synced['left'] {
  if (state === undefined || sourceNames === undefined) return undefined
  return { from: placeOf(source), sourceNames, mirrorState: state, compared }
}

function placeOf(source: Source): string {
  return source.kind === 'lv' ? `${source.vg}/${source.lv}` : source.path
}
