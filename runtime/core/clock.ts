/** Time, as everything in hdsync sees it, so that a test can move it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back once, `delayMs` from now; the answer takes it back. */
  schedule(delayMs: number, callback: () => void): () => void
}

// setTimeout counts in 32 bits: a longer delay would fire at once.
const longestTimeoutMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(delayMs, callback) {
    let timer: NodeJS.Timeout
    const wait = (leftMs: number) => {
      timer =
        leftMs > longestTimeoutMs
          ? setTimeout(() => wait(leftMs - longestTimeoutMs), longestTimeoutMs)
          : setTimeout(callback, Math.max(leftMs, 0))
    }
    wait(delayMs)
    return () => clearTimeout(timer)
  },
}
