import type { EngineObserver } from '../backup/engine.ts'

/** The first steps of a run come first. */
const afterMs = 1000

/**
 * Loads what only the end of a run needs, soon after its first event: an upgrade in the middle of the run takes the
 * files away. What cannot be loaded is reported when it is needed.
 */
export function loadAhead(load: () => Promise<unknown>, observer: EngineObserver): EngineObserver {
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
