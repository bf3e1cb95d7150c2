import { setTimeout as pause } from 'node:timers/promises'

/** Who woke a daemon is waiting at its socket: to start the first program for somebody else takes longer than to serve them. */
const firstAfterMs = 100

/**
 * Does one thing after the other, as what overtakes the next one would stay: a line in the journal, a word to systemd.
 * The first is begun a tenth of a second later. What fails keeps nothing from being done.
 */
export function inOrder(): (work: () => Promise<unknown>) => void {
  let last: Promise<unknown> | undefined
  return (work) => {
    last = (last ?? pause(firstAfterMs)).then(work).catch(() => {})
  }
}
