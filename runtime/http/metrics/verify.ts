import { readStored, verifyFinished } from '../../../events/index.ts'
import type { HttpEngine } from '../context.ts'
import type { Sample } from './catalogue.ts'

/** What the last verification of backups has found; nothing where there was none. */
export function verifySamples({ bus }: Pick<HttpEngine, 'bus'>): Sample[] {
  const [last] = bus.events({ types: [verifyFinished.type], newestFirst: true, limit: 1 })
  const { data } = last ? readStored(verifyFinished, last.data) : {}
  if (!last || !data) return []
  const { bytes, healed, damaged, known, doubtful } = data
  return [
    { name: 'hdsync_verify_last_end_timestamp_seconds', labels: {}, value: Date.parse(last.time) / 1000 },
    { name: 'hdsync_verify_last_read_bytes', labels: {}, value: bytes },
    { name: 'hdsync_verify_last_damaged_archives', labels: {}, value: damaged.length + known.length },
    { name: 'hdsync_verify_last_healed_files', labels: {}, value: healed },
    { name: 'hdsync_verify_last_doubtful_files', labels: {}, value: doubtful },
  ]
}
