import { Readable } from 'node:stream'
import type { PointReader } from '../../host/points/entry.ts'

/**
 * Reads a restore point whose disk is mounted only when it is needed.
 * @param copied Tells what is in it without its disk; undefined where nothing does.
 * @param mounted The reader on the disk, once that is mounted.
 */
export function onDemand(copied: PointReader | undefined, mounted: () => Promise<PointReader>): PointReader {
  return {
    async *entries(under, depth) {
      yield* (copied ?? (await mounted())).entries(under, depth)
    },
    isIndexed: async () => (copied ?? (await mounted())).isIndexed(),
    extract: async (...asked) => (await mounted()).extract(...asked),
    read(path) {
      return Readable.from(
        (async function* () {
          yield* (await mounted()).read(path)
        })(),
        { objectMode: false },
      )
    },
  }
}
