import { type DataOf, type Envelope, readStored, sourceSynced } from '../../../events/index.ts'
import type { Share } from '../../host/mirror/suspects.ts'

type Contents = NonNullable<DataOf<typeof sourceSynced>['contents']>

/** Half a day less than a week, as a night does not begin at the second. */
const everyMs = 6.5 * 24 * 3_600_000

/** Bytes read on each side for it: about five minutes of a plain disk. */
const budgetBytes = 32 * 1024 ** 3

/**
 * How far a mirror has been compared with its source by contents.
 * @param history The events of `bearsOnDoubt` about the source, newest first.
 */
export function contentsOf(history: readonly Envelope[], mirror: string | undefined): Contents | undefined {
  if (mirror === undefined) return undefined
  const last = history.find(
    ({ type, data }) => type === sourceSynced.type && (data as { mirror?: string }).mirror === mirror,
  )
  return last && readStored(sourceSynced, last.data).data?.contents
}

/**
 * Which files are compared by contents now although nothing indicates a change: a disk may have lost writes, and some file
 * systems keep no times of change. Once a week, as many as the budget allows, each time the next ones.
 * @returns undefined when it is not time for it.
 */
export function dueShare(contents: Contents | undefined, nowMs: number): Share | undefined {
  if (!contents || nowMs - Date.parse(contents.at) <= everyMs) return undefined
  const width = Math.min(1, budgetBytes / Math.max(1, contents.sizeBytes))
  return { from: contents.next, to: contents.next + width }
}

/** What a later run is to know of it. @param compared What has been compared now: all of it, a share, or nothing. */
export function contentsAfter(
  compared: 'everything' | Share | undefined,
  { before, at, sizeBytes }: { before: Contents | undefined; at: string; sizeBytes: number | undefined },
): Contents | undefined {
  const size = sizeBytes ?? before?.sizeBytes
  if (size === undefined) return undefined
  if (compared === 'everything') return { at, next: 0, sizeBytes: size }
  // Not known in a store of an earlier version: the first share is due in a week.
  if (!compared) return { at: before?.at ?? at, next: before?.next ?? 0, sizeBytes: size }
  return { at, next: compared.to >= 1 ? 0 : compared.to, sizeBytes: size }
}
