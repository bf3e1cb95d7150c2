import type { VaultHost } from '../../config/vault.ts'
import type { HostFolder } from '../../host/vault/host-folder.ts'
import { addToRecord, type HostRecord, type RecordedCopy } from '../../host/vault/record.ts'
import { isoOf } from '../../instant.ts'
import { decidePruning } from '../keep/pruning.ts'

/** What of a source goes, or why nothing does though something would. */
export interface Expiry {
  go: RecordedCopy[]
  waits?: string
}

/**
 * Decides which copies of a source go: by when they arrived, by the clock of the vault. Good ones alone are counted; of each
 * period the first stays as well as the last. Nothing goes while something is odd about the source, or the clock may have jumped.
 */
export function decideExpiry({ copies, odd }: HostRecord, source: string, keep: VaultHost['keep']): Expiry {
  const mine = copies.filter((copy) => copy.source === source)
  const points = mine.map((copy) => {
    const at = Date.parse(copy.provedAt)
    const state = copy.damaged ? ('damaged' as const) : ('good' as const)
    return {
      ...{ copy, path: copy.file, folder: source, file: copy.sha256, sha256: copy.sha256, state, at },
      ...{ sizeBytes: copy.sizeBytes, diskBytes: copy.sizeBytes, writtenMs: at },
    }
  })
  const nights = points.map(({ at }) => ({ provenAt: at })).reverse()
  const { go, waits } = decidePruning(points, { nights }, { ...keep, ends: 'both' })
  const files = new Set(go.map(({ path }) => path))
  const due = mine.filter(({ file }) => files.has(file))
  if (due.length > 0 && odd.some((one) => one.source === source))
    return { go: [], waits: 'something is odd about what it sends' }
  return { go: due, ...(waits !== undefined && { waits }) }
}

/** Removes what `decideExpiry` lets go. Safe to repeat: what was removed and is not on record as removed is noted then. */
export function expire(folder: HostFolder, { go }: Expiry, source: string, now: number): void {
  if (go.length === 0) return
  const shelf = folder.source(source)
  for (const { file } of go) shelf?.remove(file.slice(source.length + 1))
  shelf?.sync()
  addToRecord(folder.root, { did: 'expire', files: go.map(({ file }) => file), at: isoOf(now) })
}
