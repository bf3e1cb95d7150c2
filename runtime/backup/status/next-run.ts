import { createRunner, unobserved } from '../../host/command/command.ts'
import { hasSystemd, timerState } from '../../host/systemd/timer.ts'

/** When the timer starts the next run, in milliseconds since the epoch; undefined where no timer is known of. */
export async function nextRunAt(): Promise<number | undefined> {
  if (!hasSystemd()) return undefined
  const runner = createRunner({ observer: unobserved, signal: AbortSignal.timeout(10_000), owner: 'status' })
  return (await timerState(runner).catch(() => undefined))?.next
}
