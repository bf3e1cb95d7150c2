import { copyFinish, copyOffer, copyStart } from '../../events/index.ts'
import { copiesMeant } from '../../runtime/backup/copies/places.ts'
import { beginPlace } from '../../runtime/backup/copies/steps.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { endedBy } from '../../runtime/errors.ts'

/** Begins to copy archives to other places, one place after the other. Interrupted, it is given up. */
export default defineFunction({
  on: copyStart,
  emits: [copyOffer, copyFinish],
  retry: { limit: 1 },

  run({ data }, { config, emit }) {
    const { copies } = data
    const [first, ...rest] = copiesMeant(copies ?? [], config)
    emit(copyOffer, beginPlace(first, { rest, results: [], named: copies !== undefined }))
  },

  giveUp({ error }, { emit }) {
    emit(copyFinish, { results: [], ...endedBy(error) })
  },
})
