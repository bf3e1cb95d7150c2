import {
  type Envelope,
  snapshotAfter,
  snapshotBefore,
  snapshotCleanup,
  snapshotCreate,
  snapshotMount,
  snapshotTake,
  sourceFailed,
  sourceWarned,
} from '../../events/index.ts'
import { volumeSource } from '../../runtime/backup/configured.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import type { EventLog } from '../../runtime/core/function.ts'
import { retryDelayMs } from '../../runtime/core/retry.ts'
import { RetryableError, reasonOf, TerminalError } from '../../runtime/errors.ts'

const tries = 3
const pause = { minMs: 1000, maxMs: 30_000 }

/**
 * Takes a snapshot when the functions that handle `snapshot.before` are ready, and releases them at once. After a
 * failure they are released too, and the gate is opened anew: they must not wait for another attempt. Interrupted, it is
 * given up: they are let go, the source has failed, and `snapshot.cleanup` removes what there is of the snapshot.
 */
export default defineFunction({
  on: snapshotTake,
  emits: [snapshotAfter, snapshotMount, snapshotCreate, snapshotCleanup, sourceWarned, sourceFailed],
  // Both waits at the gate may take an hour.
  timeout: '3h',
  concurrency: { key: ({ source }) => source },
  retry: { limit: 1 },

  async run({ data, attempt, event }, { config, gates, host, run, events, emit }) {
    const source = volumeSource(config, data.source)
    const before = announcedBy(event, events)
    const gate = gates.open(before, source.snapshot.gate)
    const warn = (problem: string | undefined) => {
      if (!problem) return
      if (source.snapshot.gate.onTimeout === 'give-up') {
        throw new TerminalError(`the snapshot was given up, as ${problem}`)
      }
      const reason = `the snapshot was taken although ${problem}`
      emit(sourceWarned, { source: source.name, step: snapshotBefore.type, reason }, { attempt })
    }
    let taken = false
    let lost: string | undefined
    try {
      warn(await gate.ready())
      await host.snapshots.create(source, run.id, data.sizeBytes ?? undefined)
      taken = true
    } finally {
      lost = await gate.close(taken)
    }
    warn(lost)
    emit(snapshotAfter, { source: source.name, before: before.id, taken }, { attempt })
    emit(snapshotMount, { source: source.name, rest: data.rest }, { attempt })
  },

  giveUp({ data, attempt, event, error }, { events, emit }) {
    const { sizeBytes: _, ...again } = data
    const { source, rest } = data
    const reason = reasonOf(error)
    const before = announcedBy(event, events).id
    emit(snapshotAfter, { source, before, taken: false, reason }, { attempt })
    if (error instanceof RetryableError && data.tries < tries) {
      const delayMs = retryDelayMs(data.tries, pause)
      emit(snapshotCreate, { ...again, tries: data.tries + 1 }, { attempt, delayMs })
      return
    }
    failSources(snapshotTake, [source], error, emit)
    emit(snapshotCleanup, { source, rest })
  },
})

/** The `snapshot.before` that was emitted together with this event. */
function announcedBy({ parentid }: Envelope, events: EventLog): Envelope {
  const before = events.ofRun(snapshotBefore).find(({ event }) => event.parentid === parentid)
  if (!before) throw new TerminalError('there is no snapshot.before to this snapshot.take')
  return before.event
}
