import { backupStart, defineFunction, sourceFailed } from 'hdsync'

/** Backs up a source that has failed once more in ten minutes. */
export default defineFunction({
  on: sourceFailed,
  emits: [],
  aside: true,
  run({ data }, { start }) {
    if (data.cancelled) return
    start(backupStart, { sources: [data.source] }, { delay: '10m', key: data.source })
  },
})
