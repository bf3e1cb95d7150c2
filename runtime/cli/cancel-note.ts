import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Says in the state directory that the next SIGINT of a process comes from `hdsync cancel`: a signal says nothing itself. */
export function leaveCancelNote(stateDirectory: string, pid: number): void {
  try {
    writeFileSync(noteIn(stateDirectory), String(pid), { mode: 0o600 })
  } catch {
    // On a full disk the run is cancelled all the same.
  }
}

/** Whether there is such a note for this process; it is used up. */
export function takeCancelNote(stateDirectory: string): boolean {
  try {
    const pid = readFileSync(noteIn(stateDirectory), 'utf8')
    rmSync(noteIn(stateDirectory))
    return pid === String(process.pid)
  } catch {
    return false
  }
}

function noteIn(stateDirectory: string): string {
  return join(stateDirectory, 'cancel')
}
