import {
  type RunResult,
  runCancelled,
  runDegraded,
  runFailed,
  runHeld,
  runSucceeded,
  runWarned,
  targetClose,
} from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import type { Emit } from '../../runtime/core/function.ts'
import { reasonOf } from '../../runtime/errors.ts'
import { isoOf } from '../../runtime/instant.ts'

const emits = [runSucceeded, runDegraded, runHeld, runFailed, runCancelled, runWarned] as const

/**
 * Unmounts the targets that the run mounted, in reverse, and tells how the run went. Interrupted, it is done again: what
 * is unmounted already is passed over.
 */
export default defineFunction({
  on: targetClose,
  emits,
  always: true,
  timeout: '10m',
  retry: { limit: 3, minDelayMs: 1000, maxDelayMs: 10_000 },

  async run({ data: { result } }, { host, run, clock, emit }) {
    await host.targets.close(run.id)
    end({ ...result, endedAt: isoOf(clock.now()) }, emit)
  },

  giveUp({ data: { result }, error }, { emit }) {
    emit(runWarned, { reason: `a target is left mounted: ${reasonOf(error)}` })
    end({ ...result, state: result.state === 'succeeded' ? 'degraded' : result.state }, emit)
  },
})

function end(result: RunResult, emit: Emit<typeof emits>): void {
  const ends = {
    running: runFailed,
    succeeded: runSucceeded,
    degraded: runDegraded,
    held: runHeld,
    failed: runFailed,
    cancelled: runCancelled,
  }
  emit(ends[result.state], result)
}
