import { backupFinish, runWarned, targetClose } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { summarise, unsummed } from '../../runtime/backup/summary.ts'
import { reasonOf } from '../../runtime/errors.ts'

/**
 * Joins the sources. Every branch of the chain ends by asking for it, in the same transaction; so the one that finds
 * nothing else pending ends the run.
 * Interrupted, it is done again: it only reads and emits.
 */
export default defineFunction({
  on: backupFinish,
  emits: [targetClose, runWarned],
  always: true,
  concurrency: { key: (_data, run) => run.id },

  run(_received, { events, run, clock, emit }) {
    if (events.pending() > 0) return
    emit(targetClose, { result: summarise(events.run(), run, clock.now()) })
  },

  giveUp({ error }, { events, run, emit }) {
    const reason = `the run could not be summed up: ${reasonOf(error)}`
    emit(runWarned, { reason })
    emit(targetClose, { result: unsummed(events.run(), run, run.startedAt, reason) })
  },
})
