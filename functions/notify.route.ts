import {
  notifyExec,
  runEnds,
  runStarted,
  runWarned,
  sourceFailed,
  sourceSynced,
  sourceWarned,
  syncHeld,
} from '../events/index.ts'
import { defineFunction, matchesEvent } from '../runtime/function.ts'

/** Finds the hooks that are to hear of an event. Each gets a delivery of its own, retried by itself. */
export default defineFunction({
  on: [...runEnds, runStarted, runWarned, syncHeld, sourceFailed, sourceWarned, sourceSynced],
  emits: [notifyExec],
  aside: true,

  run({ event }, { config, emit }) {
    for (const [hook, { kind, on }] of config.notify.entries()) {
      const wanted = on.some((pattern) => matchesEvent(pattern, event.type))
      if (wanted && kind === 'exec') emit(notifyExec, { hook, event })
    }
  },
})
