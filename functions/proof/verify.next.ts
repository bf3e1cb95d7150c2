import { verifyArchive, verifyFinish, verifyMirror, verifyNext } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { gatherItems } from '../../runtime/backup/proof/gather.ts'
import { isSpent, nextItem } from '../../runtime/backup/proof/items.ts'
import { endedBy } from '../../runtime/errors.ts'

/** Chooses what is read next: what was not proven for the longest time. Interrupted, it is given up. */
export default defineFunction({
  on: verifyNext,
  emits: [verifyArchive, verifyMirror, verifyFinish],
  timeout: '10m',
  retry: { limit: 1 },

  async run({ data }, { config, run, clock, events, emit }) {
    const done = () => emit(verifyFinish, { error: null, cancelled: false, bytes: data.read })
    if (isSpent(data, clock.now())) return done()
    const items = await Promise.all(
      data.sources.map((source) => gatherItems(config, source, (...of) => events.recent(...of))),
    )
    const left = items
      .flat()
      .filter(({ kind, source }) => kind === 'archive' || !data.skipped.includes(source))
    const item = nextItem(left, run.startedAt)
    if (!item) return done()
    const { source, path, file } = item
    if (item.kind === 'archive') emit(verifyArchive, { ...data, source, path, file })
    else emit(verifyMirror, { ...data, source })
  },

  giveUp({ data, error }, { emit }) {
    emit(verifyFinish, { ...endedBy(error), bytes: data.read })
  },
})
