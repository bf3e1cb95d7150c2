/** How often a delivery is attempted, and how long the pauses are. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  limit: number
  minDelayMs: number
  maxDelayMs: number
  /** No further attempt once its event is older than this; without it, `limit` alone decides. */
  withinMs?: number
}

/** The shortest and the longest pause between attempts. */
export interface Backoff {
  minMs: number
  maxMs: number
}

/**
 * The pause before the next attempt: exponential, capped, with full jitter, so that what failed together is not repeated
 * together.
 * @param tries Attempts made so far, from 1.
 * @param random A number from 0 up to 1.
 * @returns Milliseconds, between `minMs` and `maxMs`.
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
 */
export function retryDelayMs(tries: number, { minMs, maxMs }: Backoff, random = Math.random()): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(tries, 50))
  return Math.round(minMs + Math.max(0, ceiling - minMs) * random)
}

/** For what is sent to others: repeated for a day, so that the other end can be repaired. */
export const retryForADay: RetryPolicy = {
  limit: 200,
  minDelayMs: 5000,
  maxDelayMs: 3_600_000,
  withinMs: 86_400_000,
}

/** The longest pause that a receiver may ask for. */
export const longestRetryAfterMs = 6 * 3_600_000

/**
 * When the next attempt at a delivery is due.
 * @param delivery Attempts made so far, from 1, and when its event was made.
 * @param retryAfterMs The shortest pause that the receiver asked for.
 * @returns Milliseconds since the epoch; undefined when it is given up.
 */
export function nextTryAt(
  { tries, eventAt }: { tries: number; eventAt: number },
  { limit, minDelayMs, maxDelayMs, withinMs }: RetryPolicy,
  now: number,
  retryAfterMs = 0,
): number | undefined {
  if (tries >= limit || (withinMs !== undefined && now - eventAt >= withinMs)) return undefined
  const delayMs = retryDelayMs(tries, { minMs: minDelayMs, maxMs: maxDelayMs })
  return now + Math.max(delayMs, Math.min(retryAfterMs, longestRetryAfterMs))
}
