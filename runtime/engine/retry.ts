/** How long the pauses between tries grow, and to what. */
export interface Backoff {
  minMs: number
  maxMs: number
}

/**
 * The pause before the next try: exponential, capped, with full jitter, so that what failed together does
 * not come back together.
 * @param tries Tries made so far, from 1.
 * @param random A number from 0 up to 1.
 * @returns Milliseconds, between `minMs` and `maxMs`.
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
 */
export function retryDelayMs(tries: number, { minMs, maxMs }: Backoff, random = Math.random()): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(tries, 50))
  return Math.round(minMs + Math.max(0, ceiling - minMs) * random)
}
