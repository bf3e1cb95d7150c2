import { backupFinish, backupStart, runStarted, runWarned, targetOpen } from '../events/index.ts'
import { defineFunction, reasonOf, TerminalError } from '../runtime/function.ts'

/** Begins a run: settles which sources belong to it. */
export default defineFunction({
  on: backupStart,
  emits: [runStarted, targetOpen, backupFinish, runWarned],

  run({ data }, { config, emit }) {
    const known = Object.keys(config.sources)
    const unknown = data.sources?.filter((name) => !known.includes(name)) ?? []
    if (unknown.length > 0) {
      throw new TerminalError(`there is no source ${unknown.join(', ')}`, {
        hint: `the config has ${known.join(', ')}`,
      })
    }
    const sources = data.sources ? known.filter((name) => data.sources?.includes(name)) : known
    emit(runStarted, { sources })
    emit(targetOpen, { sources })
  },

  giveUp({ error }, { emit }) {
    emit(runWarned, { reason: reasonOf(error) })
    emit(backupFinish, {})
  },
})
