import {
  type Copied,
  type DataOf,
  type Envelope,
  readStored,
  sourceSynced,
  type syncHeld,
  syncMeant,
  syncUnusual,
} from '../../../events/index.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import { unusualText } from '../../why-held.ts'

/** What tells whether a copy changed more files than is usual, and whether somebody has said that it was meant. */
export const tellsOfUnusual = [sourceSynced, syncUnusual, syncMeant]

/** What decides whether a copy changed unusually many files. */
export interface ChangeFacts {
  /** Files that were there before and have other contents now. */
  changed: number
  /** Entries of the source. */
  files: number
  /** How many files earlier copies changed, of nights that were not unusual themselves; the first copy is none of them. */
  before: readonly number[]
}

/** How far back the record of a source is read. */
const eventsLookedAt = 1000
/** Fewer are nobody's attack: a source may be small. */
const leastChanged = 100
/** Of a source about which too little is known yet. */
const mostShareAtFirst = 0.5
/** Until so many nights are on record. */
const nightsToKnow = 3
/** A night may well change more than any before, up to so many times as much. */
const timesUsual = 4
const leastShare = 0.2

/** Whether a copy changed many more files than is usual for its source. */
export function isUnusual({ changed, files, before }: ChangeFacts): boolean {
  if (changed < leastChanged || files === 0) return false
  const share = changed / files
  if (before.length < nightsToKnow) return share > mostShareAtFirst
  return share > leastShare && changed > timesUsual * Math.max(...before)
}

/**
 * What is told of a copy that changed unusually many files.
 * @param history The events of `tellsOfUnusual` about the source, the newest first, without this copy.
 */
export function unusualCopy(
  source: string,
  copied: Pick<Copied, 'filesChanged' | 'changesAllowed' | 'counted'>,
  history: readonly Envelope[],
): DataOf<typeof syncUnusual> | undefined {
  const { filesChanged: changed, changesAllowed: limit, counted } = copied
  const synced = history.filter(({ type }) => type === sourceSynced.type)
  // A first copy changes nothing that was there.
  if (changed === undefined || !counted || synced.length === 0) return undefined
  const unusualRuns = new Set(notMeant(history).map(({ runid }) => runid))
  const before = synced.flatMap((event) => {
    const known = readStored(sourceSynced, event.data).data?.filesChanged
    return known === undefined || unusualRuns.has(event.runid) ? [] : known
  })
  // Where a figure is given, that decides, and not what is usual. Files may change while they are copied.
  if (limit !== undefined) {
    return changed > limit ? { source, changed, files: counted.files, usual: null, limit } : undefined
  }
  if (!isUnusual({ changed, files: counted.files, before })) return undefined
  return { source, changed, files: counted.files, usual: before.length > 0 ? Math.max(...before) : null }
}

/** What is told at once of a copy that is held as it would change too many files. @param held As `sync.held` has it. */
export function unusualHold({ source, changes }: Pick<DataOf<typeof syncHeld>, 'source' | 'changes'>) {
  if (!changes) return undefined
  const { files: changed, mirrorFiles: files, limit } = changes
  return { source, changed, files, usual: null, limit, held: true as const }
}

/** Why a copy is not as it should be. */
export function unusualWarnings(unusual: DataOf<typeof syncUnusual> | undefined): string[] {
  return unusual ? [unusualText(unusual)] : []
}

/** The unusual copies since somebody said last that all was meant. @param history The newest first. */
function notMeant(history: readonly Envelope[]): Envelope[] {
  const said = history.findIndex(({ type }) => type === syncMeant.type)
  const since = said < 0 ? history : history.slice(0, said)
  return since.filter(({ type, data }) => type === syncUnusual.type && !isOfHold(data))
}

/** One that is held has changed nothing, and its hold waits for a release. */
function isOfHold(data: Envelope['data']): boolean {
  return (data as Partial<DataOf<typeof syncUnusual>>).held === true
}

/**
 * The oldest unusual copy that nobody has said was meant: what is from before it may be the last that is good.
 * @param history Events of one source, the newest first.
 */
export function openUnusual(
  history: readonly Envelope[],
): { at: number; facts: DataOf<typeof syncUnusual> } | undefined {
  const oldest = notMeant(history).at(-1)
  const facts = oldest && readStored(syncUnusual, oldest.data).data
  return facts && { at: Date.parse(oldest.time), facts }
}

/** As `openUnusual`, of what the record has about a source. */
export function openUnusualOf(bus: Pick<EventBus, 'events'>, source: string): ReturnType<typeof openUnusual> {
  const types = tellsOfUnusual.map(({ type }) => type)
  return openUnusual(bus.events({ types, subject: source, newestFirst: true, limit: eventsLookedAt }))
}
