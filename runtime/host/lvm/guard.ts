import { setTimeout as sleep } from 'node:timers/promises'
import type { LvSource } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { snapshotStatus } from './device-mapper.ts'
import { fullName, type Lvm } from './lvm.ts'
import { poolProblem } from './pool.ts'
import { snapshotCeilingBytes } from './snapshot-room.ts'

/** What is watched. */
export interface GuardedSnapshot {
  vg: string
  lv: string
  /** `major:minor`. */
  device: string
  /** The thin pool that it lies in, if it does. */
  pool: string | undefined
  originBytes: number
  /** How full it was when it, and its pool, were looked at just now; undefined where they were not. */
  usedPercent?: number | undefined
}

export interface Extension {
  fromBytes: number
  toBytes: number
}

export interface GuardOptions {
  lvm: Lvm
  /** Runs what only looks; not on record, as it would fill the journal. */
  looking: { runner: CommandRunner; lvm: Lvm }
  onExtended: (extension: Extension) => void
  onWarning: (message: string) => void
}

export interface Guard {
  /** Aborted with the reason when reading on is of no use. */
  signal: AbortSignal
  stop(): Promise<void>
}

/** From how full a snapshot is made larger: early enough for a busy volume. */
const extendAtShare = 0.7
/** Below that nothing is to be feared for the next moment. */
const quietPercent = 35
const intervalMs = 500
/** What stands in the way of growing is asked about less and less often, up to every so many looks. */
const mostLooksBetween = 20
/** Room in the volume group does not come by itself. */
const looksWithoutRoom = 60
/** lvs(8) takes longer than dmsetup(8), and pools are large. */
const poolIntervalMs = 5000

/**
 * Watches a snapshot while it is read. A thick one that fills up is made larger, as far as the volume group and
 * `snapshot.max` allow; once it has overflowed, or its thin pool is nearly full, `signal` is aborted, as nothing
 * good can come of reading on.
 */
export function guardSnapshot(snapshot: GuardedSnapshot, source: LvSource, options: GuardOptions): Guard {
  const given = new AbortController()
  const stopped = new AbortController()
  const told = new Set<string>()
  const watching = (snapshot.pool ? watchPool() : watchThick()).catch((error: Error) => {
    if (!stopped.signal.aborted) options.onWarning(`the snapshot cannot be watched: ${error.message}`)
  })
  return {
    signal: given.signal,
    async stop() {
      stopped.abort()
      await watching
    },
  }

  /** One look that fails is no reason to look away. @returns undefined when it failed: then nothing is known. */
  async function look<T>(body: () => Promise<T>): Promise<T | undefined> {
    try {
      return await body()
    } catch (error) {
      if (!stopped.signal.aborted) warn(`watching the snapshot: ${(error as Error).message}`)
      return undefined
    }
  }

  /** Each thing once: it is looked at twice a second. */
  function warn(message: string): void {
    if (!told.has(message)) options.onWarning(message)
    told.add(message)
  }

  async function watchThick(): Promise<void> {
    let failures = 0
    let looksToWait = 0
    // The look that proved it was the first one, and each costs the copy time.
    if ((snapshot.usedPercent ?? 100) < quietPercent) await pause(intervalMs)
    while (!stopped.signal.aborted) {
      const status = await look(() => snapshotStatus(options.looking.runner, snapshot.device))
      if (status?.invalid) {
        given.abort(new TerminalError(`the snapshot ${fullName(snapshot.vg, snapshot.lv)} overflowed`))
        return
      }
      if (looksToWait > 0) looksToWait -= 1
      else if (status && status.usedBytes >= status.totalBytes * extendAtShare) {
        const grown = await look(() => extend(status.totalBytes))
        failures = grown === undefined ? failures + 1 : 0
        if (grown) continue
        looksToWait = grown === undefined ? Math.min(2 ** failures - 2, mostLooksBetween) : looksWithoutRoom
      }
      await pause(intervalMs)
    }
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: stopped.signal })
  }

  /** @returns Whether it is larger now; false where there is no room. @throws That cannot be told, or done, now. */
  async function extend(fromBytes: number): Promise<boolean> {
    const { group } = await options.looking.lvm.volume(snapshot.vg, snapshot.lv)
    const ceiling = snapshotCeilingBytes({
      ...group,
      sizeBytes: snapshot.originBytes,
      wanted: source.snapshot,
    })
    const free = Math.floor(group.freeBytes / group.extentBytes) * group.extentBytes
    const toBytes = Math.min(2 * fromBytes, fromBytes + free, ceiling)
    if (toBytes < fromBytes + group.extentBytes) {
      warn(`the snapshot is ${extendAtShare * 100}% full, and there is no room to make it larger`)
      return false
    }
    await options.lvm.extend(snapshot, toBytes)
    options.onExtended({ fromBytes, toBytes })
    return true
  }

  async function watchPool(): Promise<void> {
    if (snapshot.usedPercent !== undefined) await pause(poolIntervalMs)
    for (;;) {
      const pool = await look(() => options.looking.lvm.volume(snapshot.vg, snapshot.pool ?? ''))
      const problem = pool && poolProblem(pool)
      if (problem) {
        given.abort(problem)
        return
      }
      await pause(poolIntervalMs)
    }
  }
}
