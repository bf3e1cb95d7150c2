import type { Envelope } from '../../../events/index.ts'
import { HdsyncError } from '../../errors.ts'
import type { Mirror } from '../../host/mirror/mirrors.ts'
import type { SyncPlan } from '../../host/mirror/rsync-argv.ts'
import type { SyncOutcome } from '../../host/mirror/rsync-exit-codes.ts'
import { earlierArchives } from '../earlier-archives.ts'
import type { Context } from '../function.ts'

const full: readonly (string | undefined)[] = ['no-space', 'no-inodes', 'quota']

export interface RoomOptions {
  totalBytes: Parameters<Context['host']['mirrors']['sync']>[1]
  /** The events of `provesUnchanged` about the source, of all runs, newest first. */
  history: readonly Envelope[]
}

/**
 * Copies. If the disk is full before the end, this copy's own deletions may be all the room it needs, as after a large
 * file was renamed: if an archive has what goes, the deletions are made first, and the copy is repeated.
 * @throws As Mirrors.sync.
 */
export async function syncMakingRoom(
  plan: SyncPlan,
  mirror: Mirror,
  { totalBytes, history }: RoomOptions,
  { host, run, config, clock, log, progress }: Context,
): Promise<SyncOutcome> {
  try {
    return await host.mirrors.sync(plan, totalBytes, progress)
  } catch (error) {
    if (!(error instanceof HdsyncError) || !full.includes(error.kind) || mirror.empty) throw error
    const before = history.filter(({ runid }) => runid !== run.id)
    if (!(await host.archives.stand(earlierArchives(before, clock.now() - config.keep)))) throw error
    log.warn(`${error.message}: what this copy may delete is deleted first, as an archive has it`)
    const room = await host.mirrors.makeRoom(plan)
    if (room.kind === 'limited') return room
    const { deleted } = room.stats
    if (deleted === 0) throw error
    const outcome = await host.mirrors.sync(
      { ...plan, listed: undefined, maxDelete: Math.max(0, plan.maxDelete - deleted) },
      totalBytes,
      progress,
    )
    return { ...outcome, stats: { ...outcome.stats, deleted: outcome.stats.deleted + deleted } }
  }
}
