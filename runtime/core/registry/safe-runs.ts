/** In this process alone: after a crash a run is ended, not continued. */
const safe = new Set<string>()

/** From now on no function of the user's takes part in a run. */
export function leaveOutGuests(runId: string): void {
  safe.add(runId)
}

/** Whether functions of the user's are left out of a run. */
export function isSafe(runId: string | undefined): boolean {
  return runId !== undefined && safe.has(runId)
}
