import {
  backupFinish,
  backupStart,
  runStarted,
  runWarned,
  sourceFailed,
  targetOpen,
} from '../../events/index.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { CancelledError, reasonOf, TerminalError } from '../../runtime/errors.ts'

/**
 * Begins a run: settles which sources belong to it. Interrupted, it is given up: the run has failed before it began. One
 * that was only asked for is kept.
 */
export default defineFunction({
  on: backupStart,
  emits: [runStarted, targetOpen, backupFinish, runWarned, sourceFailed],

  run({ data }, { config, emit, leftOut }) {
    const known = Object.keys(config.sources)
    const unknown = data.sources?.filter((name) => !known.includes(name)) ?? []
    if (unknown.length > 0) {
      throw new TerminalError(`there is no source ${unknown.join(', ')}`, {
        hint: `the config has ${known.join(', ')}`,
      })
    }
    const sources = data.sources ? known.filter((name) => data.sources?.includes(name)) : known
    emit(runStarted, { sources })
    for (const reason of leftOut) emit(runWarned, { reason })
    emit(targetOpen, { sources })
  },

  giveUp({ data, error }, { config, emit }) {
    if (error instanceof CancelledError) {
      const sources = data.sources ?? Object.keys(config.sources)
      emit(runStarted, { sources })
      failSources(backupStart, sources, error, emit)
    } else {
      emit(runWarned, { reason: reasonOf(error) })
    }
    emit(backupFinish, {})
  },
})
