import {
  sourceAfter,
  sourceBefore,
  sourceFailed,
  sourceNext,
  sourcePrepare,
  sourceWarned,
  syncRun,
} from '../../events/index.ts'
import { configured } from '../../runtime/backup/configured.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { closeSourceGate } from '../../runtime/backup/mirror/copy-gate.ts'
import { TerminalError } from '../../runtime/errors.ts'

/**
 * Lets a directory be copied when the functions that handle `source.before` are ready. `source.after` follows the copy.
 * Interrupted, it is given up: the functions are told that nothing is copied, and the source has failed.
 */
export default defineFunction({
  on: sourcePrepare,
  emits: [syncRun, sourceWarned, sourceAfter, sourceFailed, sourceNext],
  // The wait at the gate may take a day.
  timeout: '25h',
  concurrency: { key: ({ source }) => source },
  retry: { limit: 1 },

  async run({ data, event }, { config, gates, events, emit }) {
    const { source } = configured(config, data.source)
    if (source.kind !== 'path') throw new TerminalError(`${source.name} is not a directory any more`)
    const before = events.ofRun(sourceBefore).find((one) => one.event.parentid === event.parentid)
    if (!before) throw new TerminalError('there is no source.before to this source.prepare')
    const gate = gates.open(before.event, source.gate)
    const problem = await gate.ready()
    // Nobody holds anything here: those that are late are told to stop.
    await gate.close(true)
    if (problem && source.gate.onTimeout === 'give-up') {
      throw new TerminalError(`the copy was given up, as ${problem}`)
    }
    if (problem) {
      const reason = `it was copied although ${problem}`
      emit(sourceWarned, { source: source.name, step: sourceBefore.type, reason })
    }
    emit(syncRun, data)
  },

  giveUp({ data: { source, rest }, error }, { events, emit }) {
    closeSourceGate(source, error, { events, emit })
    failSources(sourcePrepare, [source], error, emit)
    emit(sourceNext, { rest })
  },
})
