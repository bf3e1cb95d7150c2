import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Says in the state directory that the next SIGINT of a process comes from `hdsync cancel`, and which run it is for: a
 * signal says nothing itself.
 */
export function leaveCancelNote(stateDirectory: string, pid: number, runId: string): void {
  try {
    writeFileSync(noteIn(stateDirectory), `${pid} ${runId}`, { mode: 0o600 })
  } catch {
    // On a full disk the run is cancelled all the same.
  }
}

/** The run that such a note for this process names; the note is used up. @returns undefined when there is none. */
export function takeCancelNote(stateDirectory: string): string | undefined {
  try {
    const [pid, runId] = readFileSync(noteIn(stateDirectory), 'utf8').split(' ')
    rmSync(noteIn(stateDirectory))
    return pid === String(process.pid) ? runId : undefined
  } catch {
    return undefined
  }
}

function noteIn(stateDirectory: string): string {
  return join(stateDirectory, 'cancel')
}
