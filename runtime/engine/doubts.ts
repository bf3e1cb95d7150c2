import {
  type Envelope,
  type EventDefinition,
  mirrorSuspect,
  sourceFailed,
  sourceSynced,
  syncHeld,
} from '../../events/index.ts'
import type { Boots } from '../host/boots.ts'

/** What may differ between a source and its mirror although it has the same size and time in both. */
export type Doubt =
  | { of: 'everything'; reason: string }
  /** Files that were written in this time; milliseconds since the epoch. */
  | { of: 'written'; fromMs: number; toMs: number }

/** The kinds of events about a source that `doubtOf` has to know. */
export const bearsOnDoubt: readonly EventDefinition[] = [mirrorSuspect, sourceSynced, sourceFailed, syncHeld]

/** File systems round times down: ext3 and reiserfs to a second, vfat to two. */
const granuleMs = 2_000

/**
 * Whether sizes and times tell what has changed since a mirror was last good. A file that is written once more within
 * the granule of its time after it was copied looks as it did before; so may any that was written when the power
 * failed (see Boots).
 * @param history The latest events of these kinds about one source, newest first.
 */
export function doubtOf(
  history: readonly Envelope[],
  boots: Pick<Boots, 'inOrderSince'>,
  nowMs: number,
): Doubt | undefined {
  const last = history.find(({ type }) => type === mirrorSuspect.type || type === sourceSynced.type)
  if (!last) return undefined
  if (last.type === mirrorSuspect.type) return { of: 'everything', reason: 'the mirror is suspect' }
  const { boot, read } = sourceSynced.schema.parse(last.data)
  if (boot === undefined || !boots.inOrderSince(boot)) {
    const reason = 'the machine went down since the last good copy, and was not shut down in order'
    return { of: 'everything', reason }
  }
  if (!read) return undefined
  // What a copy has left that did not end well, nobody knows.
  const toMs = history[0] === last ? Date.parse(read.to) : nowMs
  return { of: 'written', fromMs: Date.parse(read.from) - granuleMs, toMs }
}
