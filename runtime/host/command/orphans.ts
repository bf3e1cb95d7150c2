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
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue
    const environment = `\0${read(entry, 'environ')}`
    for (const { variable, pids } of found) if (environment.includes(variable)) pids.push(Number(entry))
  }
  return found.map(({ pids }) => pids)
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

function read(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
