import { setImmediate as nextTurn } from 'node:timers/promises'
import type { PointReader } from '../../../host/points/entry.ts'

const entriesATurn = 1000

/**
 * Reads as before, and lets the daemon do other things now and then: a catalogue is read without waiting for anything, and
 * most of it may be nothing that the user sees.
 * @param signal Ends it with its reason.
 */
export function inTurns(reader: PointReader, signal: AbortSignal): PointReader {
  let count = 0
  return {
    ...reader,
    async *entries(under, depth) {
      for await (const entry of reader.entries(under, depth)) {
        if (++count % entriesATurn === 0) await nextTurn()
        signal.throwIfAborted()
        yield entry
      }
    },
  }
}
