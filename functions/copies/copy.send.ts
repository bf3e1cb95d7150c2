import { copyFinish, copyOffer, copyProve, copySend } from '../../events/index.ts'
import { archivesTarget } from '../../runtime/backup/configured.ts'
import { linkFromThere } from '../../runtime/backup/copies/offer.ts'
import { copyPlace } from '../../runtime/backup/copies/places.ts'
import { breakOff, without } from '../../runtime/backup/copies/steps.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { reasonOf } from '../../runtime/errors.ts'

/**
 * Writes an archive beside the place of its copy; one that is of the same bytes as a copy that is there becomes a second name
 * of that. Interrupted, it is given up: the next run goes on where this one was.
 */
export default defineFunction({
  on: copySend,
  emits: [copyProve, copyOffer, copyFinish],
  timeout: '30d',
  retry: { limit: 1 },

  async run({ data }, context) {
    const { config, host, signal, progress, emit } = context
    try {
      const { target } = copyPlace(config, data.copy)
      const from = archivesTarget(config)
      await host.targets.prove(target)
      if (await linkFromThere(data, target, context))
        return emit(copyProve, { ...data, as: 'linked', read: null })
      const sending = { ...data, from, to: target, copy: data.to }
      const read = await host.copies.send(sending, progress)
      emit(copyProve, { ...data, as: 'sent', read, bytes: data.bytes + data.sizeBytes })
    } catch (error) {
      signal.throwIfAborted()
      emit(copyOffer, without(data, reasonOf(error)))
    }
  },

  giveUp({ data, error }, { emit }) {
    breakOff(data, error, emit)
  },
})
