import type { VaultHost } from '../../config/vault.ts'
import type { HostFolder } from '../../host/vault/host-folder.ts'
import { addToRecord, type HostRecord, type RecordedCopy } from '../../host/vault/record.ts'
import { isoOf } from '../../instant.ts'
import { dateOf } from '../../weekday.ts'
import type { KeepPoint } from '../keep/points.ts'
import { decidePruning } from '../keep/pruning.ts'

/** What of a source goes, or why nothing does though something would. */
export interface Expiry {
  go: RecordedCopy[]
  waits?: string
}

/**
 * Decides which copies of a source go: by when they arrived, by the clock of the vault. Good ones alone are counted; of each
 * period the first stays as well as the last. Bytes have their place by when they first came: a further name of them takes
 * nobody else's, and gives them none that they would not have. It only stays itself while its day is kept.
 * Nothing goes while something is odd about the source, its record is damaged, or the clock may have jumped.
 */
export function decideExpiry(record: HostRecord, source: string, keep: VaultHost['keep']): Expiry {
  const mine = record.copies.filter((copy) => copy.source === source)
  const nights = mine.map((copy) => ({ provenAt: Date.parse(copy.provedAt) })).reverse()
  const rules = { ...keep, ends: 'both' as const }
  const firstAt = new Map<string, number>()
  for (const one of record.arrivals)
    if (one.source === source && !firstAt.has(one.sha256)) firstAt.set(one.sha256, Date.parse(one.provedAt))

  const bytes = firstOfEach(mine, ({ sha256 }) => sha256)
  const places = [...bytes.values()].map((copy) => pointOf(copy, firstAt.get(copy.sha256)))
  const days = firstOfEach(mine, dayOf)
  const byBytes = decidePruning(places, { nights }, rules)
  const byDays = decidePruning(
    [...days.values()].map((copy) => pointOf(copy)),
    { nights },
    rules,
  )
  const bytesGo = new Set(byBytes.go.map(({ path }) => path))
  const daysGo = new Set(byDays.go.map(({ path }) => path))
  const due = mine.filter((copy) => {
    const first = bytes.get(copy.sha256)?.file
    return daysGo.has(days.get(dayOf(copy))?.file ?? '') && (copy.file !== first || bytesGo.has(copy.file))
  })
  const waits = byDays.waits ?? (due.length === 0 ? byBytes.waits : undefined)
  if (due.length > 0 && record.damage !== undefined) return { go: [], waits: record.damage }
  if (due.length > 0 && record.odd.some((one) => one.source === source))
    return { go: [], waits: 'something is odd about what it sends' }
  return { go: due, ...(waits !== undefined && { waits }) }
}

function dayOf({ sha256, provedAt }: RecordedCopy): string {
  return `${dateOf(Date.parse(provedAt))} ${sha256}`
}

/** The first good copy of each kind, or the first one where none is good. */
function firstOfEach(
  copies: readonly RecordedCopy[],
  kindOf: (copy: RecordedCopy) => string,
): Map<string, RecordedCopy> {
  const first = new Map<string, RecordedCopy>()
  for (const copy of copies) {
    const known = first.get(kindOf(copy))
    if (!known || (known.damaged && !copy.damaged)) first.set(kindOf(copy), copy)
  }
  return first
}

function pointOf(
  { file, source, sha256, sizeBytes, damaged, provedAt }: RecordedCopy,
  firstAt?: number,
): KeepPoint {
  const at = firstAt ?? Date.parse(provedAt)
  return {
    ...{ path: file, folder: source, file: sha256, sha256, state: damaged ? 'damaged' : 'good', at },
    ...{ sizeBytes, diskBytes: sizeBytes, writtenMs: at },
  }
}

/** Removes what `decideExpiry` lets go. It is on record before it goes: what a crash leaves goes with `finishExpiry`. */
export function expire(folder: HostFolder, { go }: Expiry, source: string, now: number): void {
  if (go.length === 0) return
  const files = go.map(({ file }) => file)
  addToRecord(folder.root, { did: 'expire', files, at: isoOf(now) })
  removeExpired(folder, source, new Set(files))
}

/** Removes what expired and still stands: somebody was cut off before it was gone. */
export function finishExpiry(folder: HostFolder, { expired, copies }: HostRecord): void {
  const stands = new Set(copies.map(({ file }) => file))
  const files = new Set([...expired].filter((file) => !stands.has(file)))
  for (const source of new Set([...files].map((file) => file.slice(0, file.indexOf('/')))))
    removeExpired(folder, source, files)
}

function removeExpired(folder: HostFolder, source: string, files: ReadonlySet<string>): void {
  const shelf = folder.source(source)
  const names = (shelf?.names() ?? []).filter((name) => files.has(`${source}/${name}`))
  for (const name of names) shelf?.remove(name)
  if (names.length > 0) shelf?.sync()
}
