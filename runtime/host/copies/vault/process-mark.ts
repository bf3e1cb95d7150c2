import { statOf } from '../../command/orphans.ts'

/** `starttime` is the 22nd field of all; `statOf` leaves out the first two. */
const startTime = 19

/** Names a process for as long as the machine runs, by its id and its start: `PID-START`. An id alone is given again. */
export function processMark(pid = process.pid): string {
  return `${pid}-${startOf(pid) ?? 0}`
}

/** Whether the process of a mark still runs. Of another form it is of none. */
export function isRunning(mark: string): boolean {
  const [, pid, start] = /^(\d+)-(\d+)$/.exec(mark) ?? []
  return pid !== undefined && start === startOf(Number(pid))
}

/** @returns Ticks from the start of the machine to that of the process; undefined where there is none. @see proc_pid_stat(5) */
function startOf(pid: number): string | undefined {
  return statOf(pid)[startTime]
}
