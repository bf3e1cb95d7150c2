import type { Config, Target } from '../../config/config.ts'
import { holdLock } from '../../core/bus/sqlite/database.ts'
import { lockHolder } from '../../core/bus/sqlite/lock-holder.ts'
import { unobserved } from '../../host/command/command.ts'
import { createHost, type Host, runtimeDirectory } from '../../host/host.ts'
import { readMounts, topMountAt } from '../../host/mount/mountinfo.ts'
import { mountPoint } from '../../host/target/targets.ts'
import type { Io } from '../io.ts'

const patienceMs = 3_600_000

/**
 * Does something on targets as the only hdsync that is at work: their disks are mounted for it if they are not, each is
 * proven to be the right one, and what was mounted is unmounted again.
 * @returns undefined when another hdsync is at work, of which is told: then nothing was done.
 * @throws {TerminalError} A disk is missing, or another one is there.
 */
export async function onTargets<T>(
  config: Pick<Config, 'state'>,
  targets: readonly Target[],
  io: Io,
  work: (host: Host) => Promise<T>,
): Promise<T | undefined> {
  const unlock = holdLock(config.state)
  if (!unlock) {
    const holder = lockHolder(config.state)
    io.stderr(
      `hdsync: another hdsync${holder ? ` (process ${holder})` : ''} is at work on ${config.state}: nothing was changed\n`,
    )
    return undefined
  }
  const host = hostFor(config)
  const asRun = `command-${process.pid}`
  try {
    for (const target of targets) {
      await host.targets.mount(target, asRun)
      await host.targets.prove(target)
    }
    return await work(host)
  } finally {
    await host.targets.close(asRun)
    unlock()
  }
}

/** A box for looking at what is mounted. */
export function hostFor(config: Pick<Config, 'state'>): Host {
  return createHost({
    observer: unobserved,
    signal: AbortSignal.timeout(patienceMs),
    store: 'command',
    runtimeDirectory: runtimeDirectory(config.state, 'command'),
    stateDirectory: config.state,
  })
}

/** Whether all disks of a target are mounted. */
export function isMounted(target: Target): boolean {
  const mounts = readMounts()
  return target.mounts.every(({ at }) => topMountAt(mounts, mountPoint(target, at)) !== undefined)
}
