import { setTimeout as sleep } from 'node:timers/promises'
import { onEndingSignals } from './signals.ts'

/** Soon enough for eyes; what is asked for is one number in shared memory. */
const pollMs = 100

/** Looks again and again for what is new, until a signal comes or nobody reads what is printed any more. */
export async function untilStopped(look: () => void): Promise<void> {
  const stop = new AbortController()
  const end = () => stop.abort()
  const unlisten = onEndingSignals(end)
  process.stdout.on('error', end)
  try {
    while (!stop.signal.aborted) {
      look()
      await sleep(pollMs, undefined, { signal: stop.signal }).catch(() => {})
    }
  } finally {
    unlisten()
    process.stdout.off('error', end)
  }
}
