import { copiesEnded, copyEnds, copyEndsLookedAt, lastGood } from '../../backup/copies/history.ts'
import type { HttpEngine } from '../context.ts'
import type { Sample } from './catalogue.ts'

const types = copyEnds.map(({ type }) => type)

/** How the copies of archives stand in each place; nothing where there is none. */
export function copySamples({ bus }: Pick<HttpEngine, 'bus'>, copies: readonly string[]): Sample[] {
  if (copies.length === 0) return []
  const history = copiesEnded(bus.events({ types, newestFirst: true, limit: copyEndsLookedAt }))
  return copies.flatMap((copy): Sample[] => {
    const labels = { copy }
    const last = history.find(({ result }) => result.copy === copy)
    const looked = history.find(({ result }) => result.copy === copy && result.waiting !== null)
    const seconds = (ms: number | undefined) => (ms ?? 0) / 1000
    return [
      { name: 'hdsync_copy_last_success_timestamp_seconds', labels, value: seconds(lastGood(history, copy)) },
      { name: 'hdsync_copy_last_end_timestamp_seconds', labels, value: seconds(last?.at) },
      ...(looked
        ? [{ name: 'hdsync_copy_waiting_archives' as const, labels, value: looked.result.waiting ?? 0 }]
        : []),
    ]
  })
}
