import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { lvmManner } from '../lvm/lvm-manner.ts'
import { ownerMark } from './environment.ts'

export interface OrphanLimits {
  /** From the polite signal to SIGKILL. */
  killDelayMs: number
  /** LVM and mount are let finish; they do within seconds, or hang for good. */
  patienceMs: number
  /** Most end so soon that there is nothing to tell. */
  silentMs: number
}

const usual: OrphanLimits = { killDelayMs: 5000, patienceMs: 120_000, silentMs: 1000 }
const argvShown = 100

/**
 * Ends commands that outlived the hdsync that started them: a rsync that goes on writing beside a new one
 * would be two at once. They are known by a word in their environment. LVM and mount are waited for instead,
 * as they must not be stopped halfway; after a while hdsync goes on beside them.
 * @param warn Told once of each command that is waited for, and of each that has not ended in time.
 */
export async function endOrphans(
  store: string,
  warn: (message: string) => void = () => {},
  { killDelayMs, patienceMs, silentMs }: OrphanLimits = usual,
): Promise<void> {
  // Not `performance`, which would be loaded at each start, as a rule for nothing.
  const startedAt = process.uptime()
  const told = new Set<number>()
  for (;;) {
    const elapsedMs = (process.uptime() - startedAt) * 1000
    const marks = [ownerMark(store, true), ownerMark(store, false)]
    const [stoppable = [], unstoppable = []] = processesWith('HDSYNC_OWNER', ...marks)
    if (stoppable.length + unstoppable.length === 0) return
    if (elapsedMs > patienceMs) {
      for (const pid of [...stoppable, ...unstoppable]) {
        warn(`${nameOf(pid)} has not ended in ${patienceMs / 1000} s: going on without it`)
      }
      return
    }
    for (const pid of stoppable) signal(pid, elapsedMs > killDelayMs ? 'SIGKILL' : 'SIGTERM')
    for (const pid of elapsedMs > silentMs ? unstoppable : []) {
      if (!told.has(pid)) warn(`waiting for ${nameOf(pid)}, up to ${patienceMs / 1000} s`)
      told.add(pid)
    }
    await sleep(50)
  }
}

/**
 * Other processes that were started with this variable in their environment, or whose parents were. All that there are
 * are looked at once, which takes a busy server as long as a fifth of a start.
 * @returns Those with each of the values.
 */
export function processesWith(name: string, ...values: string[]): number[][] {
  const found = values.map((value) => ({ variable: `\0${name}=${value}\0`, pids: [] as number[] }))
  for (const pid of processIds()) {
    const environment = environmentOf(pid)
    for (const { variable, pids } of found) if (environment.includes(variable)) pids.push(pid)
  }
  return found.map(({ pids }) => pids)
}

/** All processes but this one. */
export function processIds(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid)
}

/** What a process was started with, each `\0NAME=VALUE\0`; empty when it has ended. */
export function environmentOf(pid: number): string {
  return `\0${read(pid, 'environ')}`
}

/** State, parent, group, session, ...; none when it has ended. The name before them may hold anything. @see proc(5) */
export function statOf(pid: number): string[] {
  const stat = read(pid, 'stat')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** The session of a process; undefined when it has ended, whether or not its parent has heard of that. */
export function sessionOf(pid: number): number | undefined {
  const [state = '', , , session] = statOf(pid)
  return session === undefined || 'ZX'.includes(state) ? undefined : Number(session)
}

/** The argument vector of a process; empty when it has ended. */
export function argvOf(pid: number): string[] {
  return read(pid, 'cmdline').split('\0').slice(0, -1)
}

function nameOf(pid: number): string {
  const line = argvOf(pid)
    .filter((word) => !lvmManner.includes(word))
    .join(' ')
  const shown = line.length > argvShown ? `${line.slice(0, argvShown)} …` : line
  return `process ${pid} of an earlier hdsync (${shown || 'its end'})`
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended in the meantime.
  }
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
