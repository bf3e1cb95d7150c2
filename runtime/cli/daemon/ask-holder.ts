import { readFileSync } from 'node:fs'
import { leaveCancelNote } from './cancel-note.ts'

/** Has the process that is at work on a state directory cancel one run. @param holder See `lockHolder`. */
export function askHolder(stateDirectory: string, holder: number, run: string): void {
  leaveCancelNote(stateDirectory, holder, run)
  process.kill(holder, 'SIGINT')
}

/** Whether a process is ours: its number may have been given to another one since. @see proc_pid_cmdline(5) */
export function isHdsync(pid: number): boolean {
  try {
    return /hdsync|runtime\/cli\/main/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  } catch {
    return false
  }
}
