import { type Drilled, lastProven } from './drill-history.ts'

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
