import type { Envelope } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import { type Drilled, drilled, lastProven } from './drill-history.ts'

/** What decides whether a drill is due. Times are in milliseconds since the epoch. */
export interface DueFacts {
  sources: readonly string[]
  /** The newest first. */
  history: readonly Drilled[]
  everyMs: number
  now: number
  /** When `drill.overdue` last told of it. */
  toldAt: number | undefined
  /** When a drill was first asked for after a night; undefined where none was. */
  firstAskedAt: number | undefined
}

export interface DueDecision {
  /** A drill is to be made now. */
  isDue: boolean
  /** It is to be told of that none has gone well for too long; since when none has, undefined where none ever has. */
  overdue: { lastProvenAt: number | undefined } | undefined
}

/**
 * As `decideDrill`, from what is on record.
 * @param ends Of drills, the newest first. @param told The newest `drill.overdue`.
 */
export function drillTurn(
  { drill, sources }: Pick<Config, 'drill' | 'sources'>,
  ends: readonly Envelope[],
  told: Envelope | undefined,
  now: number,
): DueDecision {
  if (!drill) return { isDue: false, overdue: undefined }
  const [oldest] = ends.slice(-1)
  return decideDrill({
    sources: Object.keys(sources),
    history: drilled(ends),
    everyMs: drill.every,
    now,
    toldAt: told && Date.parse(told.time),
    firstAskedAt: oldest && Date.parse(oldest.time),
  })
}

/** Nights do not begin at the same second. */
const early = 0.1
/** How many times the pause may pass without a proof before that is told of. */
const patience = 2

/** Decides, at the end of a night, whether a drill is to be made, and whether it is too long since one has gone well. */
export function decideDrill(facts: DueFacts): DueDecision {
  const { sources, history, everyMs, now, toldAt, firstAskedAt } = facts
  const drilledAt = (source: string) => history.find(({ result }) => result.source === source)?.at
  const isDue = sources.some((source) => now - (drilledAt(source) ?? -Infinity) >= everyMs * (1 - early))
  const proven = sources.map((source) => lastProven(history, source))
  const lastProvenAt = proven.some((at) => at === undefined)
    ? undefined
    : Math.min(...proven.map((at) => at ?? 0))
  const since = lastProvenAt ?? firstAskedAt
  const isLate = since !== undefined && now - since > patience * everyMs
  const isTold = toldAt !== undefined && since !== undefined && toldAt > since
  return { isDue, overdue: isLate && !isTold ? { lastProvenAt } : undefined }
}
