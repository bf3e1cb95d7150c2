import type { RunResult } from '../events/index.ts'

/** What the sources of a run say that was taken back while it waited, after who did that. */
export const notBegun = 'before it began'

/** Whether a run ended before anybody had begun it. */
export function neverBegan({ sources, error }: Pick<RunResult, 'sources' | 'error'>): boolean {
  if (sources.length === 0) return error?.endsWith(notBegun) ?? false
  return sources.every(({ state, error }) => state === 'cancelled' && error?.endsWith(notBegun))
}

/** How long a run took, in milliseconds; undefined while it goes on, and of one that never began: it only waited. */
export function tookMs(
  result: Pick<RunResult, 'startedAt' | 'endedAt' | 'sources' | 'error'>,
): number | undefined {
  const { startedAt, endedAt } = result
  if (endedAt === null || neverBegan(result)) return undefined
  return Math.max(0, Date.parse(endedAt) - Date.parse(startedAt))
}
