import { setTimeout as pause } from 'node:timers/promises'

/** Whoever woke a daemon waits at its socket and is answered before programs are started for others. */
const firstAfterMs = 100

/**
 * Does one piece of work after the other, as the last one counts: a status for systemd, a line in the journal.
 * The first begins a tenth of a second later. A failure does not stop the ones behind it.
 */
export function serialQueue(): (work: () => Promise<unknown>) => void {
  let last: Promise<unknown> | undefined
  return (work) => {
    last = (last ?? pause(firstAfterMs)).then(work).catch(() => {})
  }
}
