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
  /** How full it and its pool were a moment ago, if that is known. */
  usedPercent?: number | undefined
}

export interface Extension {
  fromBytes: number
  toBytes: number
}

export interface GuardOptions {
  lvm: Lvm
  /** For read-only commands, which would fill the journal. */
  looking: { runner: CommandRunner; lvm: Lvm }
  onExtended: (extension: Extension) => void
  onWarning: (message: string) => void
}

export interface Guard {
  /** Aborted with the reason when the snapshot is lost. */
  signal: AbortSignal
  stop(): Promise<void>
}

/** A fuller snapshot is extended: early enough for a busy volume. */
const extendAtShare = 0.7
/** A less full one is safe until the next check. */
const quietPercent = 35
const intervalMs = 500
/** A failed extension is repeated less and less often, at least every so many checks. */
const mostLooksBetween = 20
const looksWithoutRoom = 60
/** lvs(8) takes longer than dmsetup(8), and pools are large. */
const poolIntervalMs = 5000

/**
 * Watches a snapshot while it is read. A thick one that fills up is extended, as far as the volume group and
 * `snapshot.max` allow. Once it has overflowed, or its thin pool is nearly full, `signal` is aborted.
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

  /** @returns undefined when the check failed; the next one may succeed. */
  async function look<T>(body: () => Promise<T>): Promise<T | undefined> {
    try {
      return await body()
    } catch (error) {
      if (!stopped.signal.aborted) warn(`watching the snapshot: ${(error as Error).message}`)
      return undefined
    }
  }

  /** Warns of each thing once: there are two checks a second. */
  function warn(message: string): void {
    if (!told.has(message)) options.onWarning(message)
    told.add(message)
  }

  async function watchThick(): Promise<void> {
    let failures = 0
    let looksToWait = 0
    // `prove` has just checked it, and each check slows the copy down.
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

  /** @returns Whether it is larger now; false where there is no room. @throws LVM failed. */
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
