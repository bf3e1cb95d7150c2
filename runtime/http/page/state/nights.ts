import type { runResult, SourceResult, SourceState } from '../../../../events/index.ts'
import { backupKind } from '../../../backup/run-report.ts'
import type { Journal, RunRow } from '../../../core/bus/journal.ts'
import { reachingBack } from '../../../core/bus/reaching-back.ts'
import { startOfDay } from '../look/words.ts'

/** How a source fared in the last run of a day. */
export interface NightOf {
  run: string
  at: number
  state: SourceState
  /** What was copied of it. */
  bytes: number | null
}

const dayMs = 86_400_000

/** A few reach back a month as a rule; there are no more in one of several runs a day. */
const runsLookedAt = { few: 40, most: 400 }

/** Backups that have ended since a moment, the newest first. @param journal Its runs, the newest first. */
export function endedSince(journal: Pick<Journal, 'runs'>, since: number): RunRow[] {
  const read = (limit: number) => journal.runs(limit, backupKind)
  const runs = reachingBack(read, { since, ...runsLookedAt }, ({ startedAt }) => startedAt)
  return runs.filter(({ startedAt, end }) => end && startedAt >= since)
}

/** The midnights of the last days, the oldest first. */
export function lastDays(count: number, now: number): number[] {
  const today = startOfDay(now)
  // Noon is in the same day whatever clocks do.
  return Array.from({ length: count }, (_, n) => startOfDay(today + dayMs / 2 - (count - 1 - n) * dayMs))
}

/** How a source fared on each of some days; undefined where it was in no run. */
export function nightsOf(
  source: string,
  runs: readonly RunRow[],
  days: readonly number[],
): (NightOf | undefined)[] {
  const byDay = new Map<number, NightOf>()
  // The newest run of a day counts, so that it is set last.
  for (const run of runs.toReversed()) {
    const result = resultIn(run, source)
    if (!result) continue
    const { state, bytesTransferred: bytes } = result
    byDay.set(startOfDay(run.startedAt), { run: run.id, at: run.startedAt, state, bytes })
  }
  return days.map((day) => byDay.get(day))
}

function resultIn({ end }: RunRow, source: string): SourceResult | undefined {
  const { sources } = (end?.data ?? { sources: [] }) as ReturnType<typeof runResult.parse>
  return sources.find((one) => one.source === source)
}
