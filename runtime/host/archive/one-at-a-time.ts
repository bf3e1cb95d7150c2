let last: Promise<unknown> = Promise.resolve()

/**
 * Does what reads or writes an archive when all that has been asked for before is done: a disk with a head reads one file at a
 * time, and an archive that is written takes every core to compress.
 * @throws The signal was aborted before its turn came.
 */
export function oneAtATime<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const mine = last.then(() => {
    signal.throwIfAborted()
    return work()
  })
  last = mine.catch(() => {})
  return mine
}
