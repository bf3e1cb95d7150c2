import {
  type CopyStep,
  copyFinish,
  copyOffer,
  copyProve,
  copyProved,
  type DataOf,
} from '../../events/index.ts'
import { copyPlace } from '../../runtime/backup/copies/places.ts'
import { breakOff, notTheCopy, passOver, stepOf, without } from '../../runtime/backup/copies/steps.ts'
import { waysTo } from '../../runtime/backup/copies/ways-to.ts'
import { defineFunction } from '../../runtime/backup/function.ts'

/**
 * Reads a copy back from its disk, or has the vault read it. It takes its place, and counts, once it is what was recorded when the archive was written.
 * Interrupted, it is given up: the next run reads it again.
 */
export default defineFunction({
  on: copyProve,
  emits: [copyProved, copyOffer, copyFinish],
  timeout: '30d',
  retry: { limit: 1 },

  async run({ data }, context) {
    const { config, signal, progress, emit } = context
    const { copy, source, path, at, sizeBytes, sha256, to, as } = data
    try {
      const file = await waysTo(copyPlace(config, copy), context).prove(data, progress)
      if (file === undefined) return emit(copyOffer, afterMismatch(data))
      if (as === 'again') return emit(copyOffer, stepOf(data))
      emit(copyProved, { copy, source, path, file, at, sizeBytes, sha256, to, linked: as === 'linked' })
      emit(copyOffer, { ...stepOf(data), archives: data.archives + 1 })
    } catch (error) {
      signal.throwIfAborted()
      passOver(data, error, emit)
    }
  },

  giveUp({ data, error }, { emit }) {
    breakOff(data, error, emit)
  },
})

function rottenText({ source, at, to, as }: DataOf<typeof copyProve>): string {
  const what = as === 'again' ? `${to} does` : 'the copy that has the same bytes does'
  return `${source} of ${at.slice(0, 10)}: ${what} not read back any more as it was written: look after its disk (dmesg, smartctl)`
}

/** What was not read in one go is sent once more: a power cut may have spoilt it. */
function afterMismatch(data: DataOf<typeof copyProve>): CopyStep {
  const { as, read, sha256, source, path, to } = data
  const step = stepOf(data)
  if (as === 'stands') return { ...step, passed: [...step.passed, notTheCopy(data)] }
  if (as === 'sent' && read === null) return step
  // It is marked: where its archive still stands, that is sent again.
  if (as === 'again' || as === 'linked') {
    const problem = rottenText(data)
    if (!step.problems.includes(problem)) return { ...step, problems: [...step.problems, problem] }
  }
  if (read !== null && read !== sha256)
    return without(data, `${path} is not what was written: hdsync verify ${source} --all tells more`)
  return without(data, `${to} does not read back as it was written: look after its disk (dmesg, smartctl)`)
}
