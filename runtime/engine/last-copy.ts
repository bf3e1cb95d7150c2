import { type DataOf, sourceSynced } from '../../events/index.ts'
import type { Comparison, Since } from '../host/mirrors.ts'
import { digestOf, type MirrorCount } from './mirror-count.ts'

/** A good copy after which nothing went wrong: if nothing has changed since either, the next one would do nothing. */
export interface LastCopy {
  since: Since
  /** When rsync looked at everything, as an ISO 8601 time. */
  compared: string
  /** What it has left in the mirror. */
  counted: NonNullable<DataOf<typeof sourceSynced>['counted']>
}

/** In which rsync looks at everything once: half a day less than a week, as a night does not begin at the second. */
const comparedForMs = 6.5 * 24 * 3_600_000

/**
 * The last copy to a mirror, if it makes sense to find out whether anything has changed since. That takes a look at each
 * inode, in vain where something changes every day: so it is done after a first copy, and after one that found nothing
 * changed.
 * @param of Its history are the events of `bearsOnDoubt` about one source, newest first.
 */
export function lastCopy({ history, mirror, exclude }: MirrorCount, nowMs: number): LastCopy | undefined {
  if (mirror === undefined) return undefined
  const copies = history
    .filter(({ type }) => type === sourceSynced.type)
    .map((event) => ({ event, data: sourceSynced.schema.parse(event.data) }))
    .filter(({ data }) => data.mirror === mirror)
  const [last, before] = copies
  // What failed since, or was held, may have been on its way to any mirror.
  if (!last || history.slice(0, history.indexOf(last.event)).some(({ type }) => type !== sourceSynced.type))
    return undefined
  const { unchanged, read, counted, compared = read?.from } = last.data
  if (!read || !compared || counted?.exclude !== digestOf(exclude) || (before && !unchanged)) return undefined
  const sourceMs = Date.parse(read.from)
  const since = { sourceMs, mirrorMs: unchanged ? sourceMs : Date.parse(last.event.time) }
  const isOld = nowMs - Date.parse(compared) > comparedForMs
  // A clock that was put back tells nothing of what came when.
  if (isOld || nowMs < since.mirrorMs) return undefined
  return { since, compared, counted }
}

/**
 * Whether a copy would do nothing: every entry that was copied is the same on both sides, there is none beside them but
 * what there was, and nothing, access lists and attributes included, has changed on either side since.
 */
export function isNeedless({ counted }: LastCopy, { facts, mirrorNames, written }: Comparison): boolean {
  const { files, notCopied } = counted
  return (
    written === undefined && facts?.changed === 0 && facts.same === files && mirrorNames === files + notCopied
  )
}
