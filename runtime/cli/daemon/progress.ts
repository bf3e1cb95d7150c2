import type { Engine } from '../../backup/engine.ts'

/**
 * Judges, each time it is asked, whether the bus moves: the store can be read, and no delivery has been due since the
 * last time without anybody working on anything.
 */
export function createProgressCheck(engine: () => Engine, now: () => number = Date.now): () => boolean {
  let stuck: number | undefined
  return () => {
    const { bus, dispatcher } = engine()
    if (dispatcher.failed) return false
    try {
      const due = bus.open().find(({ state, runAt }) => state === 'ready' && runAt <= now())?.id
      const moves = dispatcher.inHand > 0 || due === undefined || due !== stuck
      stuck = dispatcher.inHand > 0 ? undefined : due
      return moves
    } catch {
      return false
    }
  }
}
