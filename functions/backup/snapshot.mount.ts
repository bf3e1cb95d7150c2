import {
  snapshotCleanup,
  snapshotCreate,
  snapshotMount,
  snapshotRefused,
  sourceFailed,
  syncRun,
} from '../../events/index.ts'
import { volumeSource } from '../../runtime/backup/configured.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { tellingLine } from '../../runtime/backup/telling-line.ts'
import { retryDelayMs } from '../../runtime/core/retry.ts'

/**
 * Mounts a snapshot read-only. Where that fails, the snapshot is dropped and another one is asked for, with
 * the attempt counted up and after a growing pause, until the source's attempts are used up. Interrupted, it is given up: the
 * source has failed, and `snapshot.cleanup` unmounts and removes the snapshot.
 */
export default defineFunction({
  on: snapshotMount,
  emits: [syncRun, snapshotCreate, snapshotRefused, snapshotCleanup, sourceFailed],
  timeout: '5m',
  concurrency: { key: ({ source }) => source },
  retry: { limit: 1 },

  async run({ data, attempt }, { config, host, run, emit }) {
    const { source: name, rest } = data
    const source = volumeSource(config, name)
    const mount = await host.snapshots.mount(source, run.id)
    if (mount.mounted) {
      emit(syncRun, { source: name, rest }, { attempt })
      return
    }
    await host.snapshots.release(source)
    const { reason, kernel } = mount
    const attemptsLeft = Math.max(0, source.mount.attempts - attempt)
    emit(snapshotRefused, { source: name, reason, kernel, attemptsLeft }, { attempt })
    if (attemptsLeft > 0) {
      const delayMs = retryDelayMs(attempt, source.mount.backoff)
      emit(snapshotCreate, { source: name, rest }, { attempt: attempt + 1, delayMs })
      return
    }
    const said = tellingLine(kernel)
    const failure = `no snapshot could be mounted in ${attempt} attempts: ${reason}${said ? `; the kernel said: ${said}` : ''}`
    emit(sourceFailed, { source: name, step: snapshotMount.type, reason: failure })
    emit(snapshotCleanup, { source: name, rest })
  },

  giveUp({ data: { source, rest }, error }, { emit }) {
    failSources(snapshotMount, [source], error, emit)
    emit(snapshotCleanup, { source, rest })
  },
})
