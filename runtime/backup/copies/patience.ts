import type { Context } from '../function.ts'

/** So long in all: a vault gives up a connection that has broken after ten minutes. */
const patienceMs = 15 * 60_000
const shortestPauseMs = 3000
const longestPauseMs = 60_000

/**
 * Does something again, after longer and longer pauses, as long as it may help.
 * @param work It may renew the patience: something has come of it.
 * @param mayHelp Whether it may, after this error.
 * @throws What it has thrown last; why the signal was aborted.
 */
export async function patiently<T>(
  work: (renew: () => void) => Promise<T>,
  mayHelp: (error: unknown) => boolean,
  { clock, signal }: Pick<Context, 'clock' | 'signal'>,
): Promise<T> {
  let waitedMs = 0
  let pauseMs = shortestPauseMs
  const renew = () => {
    waitedMs = 0
    pauseMs = shortestPauseMs
  }
  for (;;) {
    try {
      return await work(renew)
    } catch (error) {
      signal.throwIfAborted()
      if (waitedMs >= patienceMs || !mayHelp(error)) throw error
    }
    await pause(pauseMs, { clock, signal })
    waitedMs += pauseMs
    pauseMs = Math.min(2 * pauseMs, longestPauseMs)
  }
}

async function pause(ms: number, { clock, signal }: Pick<Context, 'clock' | 'signal'>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const forget = clock.schedule(ms, resolve)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  forget()
  signal.throwIfAborted()
}
