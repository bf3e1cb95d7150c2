import type { RunState } from '../../events/index.ts'

/** What hdsync's exit code says. Stable: scripts and units rely on it. */
export const exitCodes = {
  succeeded: 0,
  failed: 1,
  usage: 2,
  degraded: 3,
  busy: 4,
  held: 5,
} as const

/** As shells have it for a program that was ended by Ctrl-C or by SIGTERM. */
export const signalExitCodes: Partial<Record<NodeJS.Signals, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
}

/** The exit code of a run that has ended; a run that was cancelled by a signal ends with that signal's. */
export function exitCodeOf(state: RunState): number {
  if (state === 'running') return exitCodes.failed
  return state === 'cancelled' ? (signalExitCodes.SIGINT ?? exitCodes.failed) : exitCodes[state]
}
