import type { Config, Target } from '../../config/config.ts'
import type { Host } from '../../host/host.ts'
import { Disks } from '../daemon/disks.ts'
import type { Io } from '../io.ts'

/**
 * Changes something on targets while no run is going on: one that is going on is waited for. Their disks are mounted for it if
 * they are not, each is proven to be the right one, and what was mounted is unmounted again.
 * @throws {TerminalError} A disk is missing, or another one is there.
 */
export async function onTargets<T>(
  config: Config,
  targets: readonly Target[],
  io: Io,
  work: (host: Host) => Promise<T>,
): Promise<T> {
  await using disks = await Disks.borrow(config, io, { kind: 'change', waits: true })
  if (!disks) throw new Error('a run is waited for')
  for (const target of targets) await disks.mountToChange(target)
  return await work(disks.host)
}
