import { copyFinish, copyOffer, copyStart } from '../../events/index.ts'
import { checkCopyNames } from '../../runtime/backup/copies/places.ts'
import { beginPlace } from '../../runtime/backup/copies/steps.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { endedBy, UsageError } from '../../runtime/errors.ts'

/** Begins to copy archives to other places, one place after the other. Interrupted, it is given up. */
export default defineFunction({
  on: copyStart,
  emits: [copyOffer, copyFinish],
  retry: { limit: 1 },

  run({ data }, { config, emit }) {
    const { copies } = data
    checkCopyNames(copies ?? [], config)
    const known = Object.keys(config.copies ?? {})
    const [first, ...rest] = known.filter((name) => copies?.includes(name) ?? true)
    if (first === undefined) {
      throw new UsageError('there is no `copies:` in the config', {
        hint: 'copies: { usb: { target: NAME } } has archives copied to another disk',
      })
    }
    emit(copyOffer, beginPlace(first, { rest, results: [], named: copies !== undefined }))
  },

  giveUp({ error }, { emit }) {
    emit(copyFinish, { results: [], ...endedBy(error) })
  },
})
