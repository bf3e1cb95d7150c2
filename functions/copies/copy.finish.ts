import { copyFailed, copyFinish, copyFinished, copyOverdue } from '../../events/index.ts'
import { copyEnds, copyEndsLookedAt, overdueCopies } from '../../runtime/backup/copies/history.ts'
import { copyPlaces } from '../../runtime/backup/copies/places.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { reasonOf } from '../../runtime/errors.ts'
import { isoOf } from '../../runtime/instant.ts'

/**
 * Unmounts what was mounted for copies, ends connections, and tells how they went, and which place has not had everything for too long.
 * Interrupted, it is done again.
 */
export default defineFunction({
  on: copyFinish,
  emits: [copyFinished, copyFailed, copyOverdue],
  always: true,
  timeout: '1h',
  retry: { limit: 3, minDelayMs: 1000, maxDelayMs: 10_000 },

  async run({ data }, { config, host, run, events, clock, emit }) {
    await host.copies.hangUp(run.id)
    await host.targets.close(run.id)
    const { results, error, cancelled } = data
    const ends = events.recent(copyEnds, undefined, copyEndsLookedAt)
    const told = (copy: string) => events.newest([copyOverdue], copy)
    for (const { place, lastGoodAt } of overdueCopies(copyPlaces(config), results, {
      ends,
      told,
      now: clock.now(),
    })) {
      const at = lastGoodAt === undefined ? null : isoOf(lastGoodAt)
      emit(copyOverdue, { copy: place.name, lastGoodAt: at, afterMs: place.alertAfterMs })
    }
    const bad = results.filter(({ state }) => state !== 'succeeded')
    const reason = error ?? (bad.map(({ copy, error: why }) => `${copy}: ${why ?? ''}`).join('; ') || null)
    const failed = !cancelled && (error !== null || bad.some(({ state }) => state === 'failed'))
    if (failed) return emit(copyFailed, { reason: reason ?? '', copies: results })
    const state = cancelled ? 'cancelled' : bad.length > 0 ? 'degraded' : 'succeeded'
    emit(copyFinished, { state, copies: results, reason })
  },

  giveUp({ data, error }, { emit }) {
    emit(copyFailed, { reason: reasonOf(error), copies: data.results })
  },
})
