import {
  anyFact,
  type DataOf,
  deadLettered,
  hookDisabled,
  matchesEvent,
  notifyEmail,
  notifyEvents,
  notifyExec,
  notifyHealthchecks,
  notifyNtfy,
  notifyWebhook,
  unitFailed,
} from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'

/**
 * Finds the hooks that are to hear of an event. Each gets a delivery of its own, retried by itself. Interrupted, it is
 * done again: it only reads and emits.
 */
export default defineFunction({
  on: anyFact,
  emits: [notifyExec, notifyWebhook, notifyHealthchecks, notifyNtfy, notifyEmail],
  aside: true,

  run({ event }, { config, events, emit }) {
    // A hook that cannot be reached is not told so.
    const unreached =
      event.type === deadLettered.type ? (event.data as DataOf<typeof deadLettered>).hook : undefined
    // Who was told that the run failed knows that its unit did.
    const told = event.type === unitFailed.type ? (event.data as DataOf<typeof unitFailed>).end : undefined
    for (const { kind, key, fingerprint, on } of config.notify) {
      const wanted = key !== unreached && on.some((pattern) => matchesEvent(pattern, event.type))
      if (told !== undefined && on.some((pattern) => matchesEvent(pattern, told))) continue
      if (!wanted || events.newest([hookDisabled], fingerprint)) continue
      emit(notifyEvents[kind], { hook: key, event })
    }
  },
})
