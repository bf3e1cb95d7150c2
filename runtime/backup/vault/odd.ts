import type { RecordedCopy } from '../../host/vault/record.ts'
import { formatBytes } from '../../units.ts'
import { dateOf } from '../../weekday.ts'

/** What is usual is told by so many copies before, and by no fewer than that. */
const lookedAt = 7
const fewest = 3
/** A copy is small below this share of the usual size. */
const smallShare = 0.5
/** A share of new bytes below this is nothing odd; above it, so many times the usual one is. */
const leastNewShare = 0.5
const mostNewShare = 0.95
const timesNewShare = 3
/** A week that is caught up with is no flood. */
const fewArrivals = 10
const timesArrivals = 5

/**
 * What is odd about a copy that has just arrived: it is what a host looks like that was emptied, encrypted, or taken over.
 * @param earlier Of the same source, in the order in which they arrived.
 * @returns For people to read; empty where nothing is.
 */
export function oddities(copy: RecordedCopy, earlier: readonly RecordedCopy[]): string[] {
  return [small(copy, earlier), isNewAll(copy, earlier), flood(copy, earlier)].filter(
    (reason) => reason !== undefined,
  )
}

function small({ sizeBytes }: RecordedCopy, earlier: readonly RecordedCopy[]): string | undefined {
  const usual = median(earlier.slice(-lookedAt).map((one) => one.sizeBytes))
  if (usual === undefined || sizeBytes >= smallShare * usual) return undefined
  return `it has ${formatBytes(sizeBytes)}, where ${formatBytes(usual)} is usual`
}

/** Of copies that came over the wire, but for the first: all of that is new. */
function isNewAll(copy: RecordedCopy, earlier: readonly RecordedCopy[]): string | undefined {
  const shares = earlier.slice(1).flatMap((one) => shareOf(one) ?? [])
  const usual = median(shares.slice(-lookedAt))
  const share = shareOf(copy)
  if (share === undefined || usual === undefined) return undefined
  const most = Math.max(leastNewShare, Math.min(mostNewShare, timesNewShare * usual))
  if (share <= most) return undefined
  return `${percent(share)} of it is new, where ${percent(usual)} is usual`
}

function shareOf({ newBytes, sizeBytes }: RecordedCopy): number | undefined {
  if (newBytes === null || newBytes === 0 || sizeBytes === 0) return undefined
  return Math.min(1, newBytes / sizeBytes)
}

function flood(copy: RecordedCopy, earlier: readonly RecordedCopy[]): string | undefined {
  const days = new Map<string, number>()
  for (const { provedAt } of [...earlier, copy]) {
    const day = dateOf(Date.parse(provedAt))
    days.set(day, (days.get(day) ?? 0) + 1)
  }
  const today = days.get(dateOf(Date.parse(copy.provedAt))) ?? 0
  days.delete(dateOf(Date.parse(copy.provedAt)))
  const usual = median([...days.values()].slice(-2 * lookedAt)) ?? 1
  if (today <= Math.max(fewArrivals, timesArrivals * usual)) return undefined
  return `${today} copies of it came in one day, where ${usual} is usual`
}

function median(values: readonly number[]): number | undefined {
  if (values.length < fewest) return undefined
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
