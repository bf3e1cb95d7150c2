/** What is known of a source's successes. Times are milliseconds since the epoch. */
export interface SourceRecord {
  source: string
  /** When it was first in the config, as far as this store knows. */
  firstSeenAt: number
  lastSuccessAt: number | undefined
  /** When `run.overdue` last told of it. */
  toldAt: number | undefined
}

/** Which sources are to be told of, and when it is time to look again. */
export interface OverdueDecision {
  overdue: SourceRecord[]
  /** When the next source becomes overdue, if it does not succeed before; undefined if all have been told of. */
  nextAt: number | undefined
}

/**
 * Finds the sources that have had no success for too long and have not been told of since the last one.
 * @param afterMs How long a source may go without a success.
 */
export function decideOverdue(
  records: readonly SourceRecord[],
  afterMs: number,
  now: number,
): OverdueDecision {
  const untold = records
    .map((record) => ({ record, since: record.lastSuccessAt ?? record.firstSeenAt }))
    .filter(({ record, since }) => record.toldAt === undefined || record.toldAt < since)
    .map(({ record, since }) => ({ record, at: since + afterMs }))
  const later = untold.filter(({ at }) => at > now).map(({ at }) => at)
  return {
    overdue: untold.filter(({ at }) => at <= now).map(({ record }) => record),
    nextAt: later.length > 0 ? Math.min(...later) : undefined,
  }
}
