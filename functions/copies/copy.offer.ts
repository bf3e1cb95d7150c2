import {
  copyFinish,
  copyKept,
  copyOffer,
  copyProve,
  copyProved,
  copySend,
  runWarned,
} from '../../events/index.ts'
import { archivesTarget } from '../../runtime/backup/configured.ts'
import { nextArchive, offersOf, pruneCopies, unprovenOf } from '../../runtime/backup/copies/offer.ts'
import { copyPlace } from '../../runtime/backup/copies/places.ts'
import { copyToReadAgain } from '../../runtime/backup/copies/read-again.ts'
import { breakOff, endPlace, resultOf, without } from '../../runtime/backup/copies/steps.ts'
import type { Missing } from '../../runtime/backup/copies/ways.ts'
import { waysTo } from '../../runtime/backup/copies/ways-to.ts'
import { type Context, defineFunction } from '../../runtime/backup/function.ts'
import { counted } from '../../runtime/count.ts'
import { reasonOf } from '../../runtime/errors.ts'

/**
 * Looks what a place has not got yet, and has the newest archive of that sent. Where nothing is left, it has copies read again
 * that were not read for long, removes what `keep` does not keep, and goes on with the next place. Interrupted, it is given up.
 */
export default defineFunction({
  on: copyOffer,
  emits: [copySend, copyProve, copyKept, copyOffer, copyFinish, runWarned],
  timeout: '1h',
  retry: { limit: 1 },

  async run({ data }, context) {
    const { config, host, run, signal, clock, emit } = context
    try {
      const place = copyPlace(config, data.copy)
      const ways = waysTo(place, context)
      const absent = await ways.absence()
      if (absent !== undefined) {
        const state = data.named ? 'failed' : 'absent'
        return endPlace(data, resultOf(data, { state, error: absent }), emit)
      }
      const from = archivesTarget(config)
      const warnings = await ways.open()
      if (
        !context.events.ofRun(copyProve).some((told) => told.data.copy === data.copy) &&
        data.passed.length === 0
      )
        for (const reason of warnings) emit(runWarned, { reason })
      await host.targets.open(from, run.id)
      let offers = await offersOf(place, ways, from, context)
      // That it has everything is said of what it has now.
      if (!nextArchive(offers, data.passed) && (await ways.renew()))
        offers = await offersOf(place, ways, from, context)
      const next = nextArchive(offers, data.passed)
      if (next && wasProven(next, context))
        return emit(copyOffer, without({ ...data, ...next }, 'it was copied, and does not count as copied'))
      if (next) {
        const { as, ...archive } = next
        if (as === 'sent') emit(copySend, { ...data, ...archive })
        else emit(copyProve, { ...data, ...archive, as, read: null })
        return
      }
      const { passed } = data
      const now = clock.now()
      const again = ways.isReadAgain && copyToReadAgain(offers, { passed, startedAt: run.startedAt, now })
      if (again) return emit(copyProve, { ...data, ...again, as: 'again', read: null })
      for (const offer of offers) {
        const unproven = unprovenOf(offer)
        if (unproven > 0) emit(runWarned, { reason: unprovenText(offer.source, unproven) })
        const { problems, ...kept } = await pruneCopies(offer, ways)
        for (const reason of problems) emit(runWarned, { reason })
        emit(copyKept, { copy: place.name, source: offer.source, ...kept })
      }
      const waiting = offers.reduce((sum, { missing }) => sum + missing.length, 0)
      endPlace(data, resultOf(data, { state: 'succeeded', waiting }), emit)
    } catch (error) {
      signal.throwIfAborted()
      endPlace(data, resultOf(data, { state: 'failed', error: reasonOf(error) }), emit)
    }
  },

  giveUp({ data, error }, { emit }) {
    breakOff(data, error, emit)
  },
})

/** Whether this run has copied it already: it would be copied for ever. */
function wasProven({ to, sha256 }: Missing, { events }: Pick<Context, 'events'>): boolean {
  return events.ofRun(copyProved).some(({ data }) => data.to === to && data.sha256 === sha256)
}

function unprovenText(source: string, unproven: number): string {
  return `${counted(unproven, 'archive')} of ${source} ${unproven === 1 ? 'is' : 'are'} not copied, as nothing is on record of what ${unproven === 1 ? 'it has' : 'they have'} to hold: hdsync verify ${source} reads ${unproven === 1 ? 'it' : 'them'}`
}
