import type { EngineObserver } from '../backup/engine.ts'

/** The first steps of a run are not held up. */
const afterMs = 1000

/**
 * Loads what has not been needed until there is something to do, as an upgrade in the middle of it takes away the files.
 * What cannot be loaded tells so when it is needed.
 */
export function loadLater(load: () => Promise<unknown>, observer: EngineObserver): EngineObserver {
  let isAsked = false
  return {
    ...observer,
    onEvent(event) {
      if (!isAsked) setTimeout(() => load().catch(() => {}), afterMs).unref()
      isAsked = true
      observer.onEvent?.(event)
    },
  }
}
