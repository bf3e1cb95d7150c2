import { copyFinish, copyOffer, copyProve, copySend } from '../../events/index.ts'
import { copyPlace } from '../../runtime/backup/copies/places.ts'
import { breakOff, passOver } from '../../runtime/backup/copies/steps.ts'
import { waysTo } from '../../runtime/backup/copies/ways-to.ts'
import { defineFunction } from '../../runtime/backup/function.ts'

/**
 * Writes an archive beside the place of its copy, or sends it to a vault. One that is of the same bytes as a copy that is there
 * becomes a second name of that. Interrupted, it is given up: the next run goes on where this one was.
 */
export default defineFunction({
  on: copySend,
  emits: [copyProve, copyOffer, copyFinish],
  timeout: '30d',
  retry: { limit: 1 },

  async run({ data }, context) {
    const { config, signal, progress, emit } = context
    try {
      const ways = waysTo(copyPlace(config, data.copy), context)
      const { as, read, bytes } = await ways.send(data, progress)
      emit(copyProve, { ...data, as, read, bytes: data.bytes + bytes })
    } catch (error) {
      signal.throwIfAborted()
      passOver(data, error, emit)
    }
  },

  giveUp({ data, error }, { emit }) {
    breakOff(data, error, emit)
  },
})
