import type { Clock } from '../../core/clock.ts'
import type { Engine } from '../engine.ts'

/** How often it is asked whether a run waits. */
const pollMs = 1000
/** How long a run that is due waits for who reads. */
export const readersEndAfterMs = 60_000

/** Calls back once a run has waited for so long that no reader keeps it any longer. @returns Stops that. */
export function whenDue({ bus }: Pick<Engine, 'bus'>, clock: Clock, late: () => void): () => void {
  let dueSince: number | undefined
  let stop = () => {}
  const look = () => {
    const now = clock.now()
    if (bus.heldRun() === undefined) dueSince = undefined
    else dueSince ??= now
    if (dueSince !== undefined && now - dueSince >= readersEndAfterMs) late()
    else stop = clock.schedule(pollMs, look)
  }
  look()
  return () => stop()
}
