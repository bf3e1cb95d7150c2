import type { Arrival, RecordedCopy } from '../../host/vault/record.ts'
import { formatBytes } from '../../units.ts'
import { flood } from './flood.ts'
import { medians } from './medians.ts'

/** A copy is small below this share of the usual size. */
const smallShare = 0.5
/** A share of new bytes below this is nothing odd; above it, so many times the usual one is. */
const leastNewShare = 0.5
const mostNewShare = 0.95
const timesNewShare = 3

/**
 * What is odd about a copy that has just arrived: it is what a host looks like that was emptied, encrypted, or taken over.
 * What is usual never grows by itself, however slowly what comes does: only a release has it learnt anew.
 * @param earlier All that ever arrived of the same source, in that order.
 * @returns For people to read; empty where nothing is.
 */
export function oddities(copy: RecordedCopy, earlier: readonly Arrival[]): string[] {
  const arrivals = [...earlier, { ...copy, isReleased: false }]
  return [small(copy, earlier), isNewAll(copy, earlier), flood(arrivals)].filter(
    (reason) => reason !== undefined,
  )
}

function small({ sizeBytes }: RecordedCopy, earlier: readonly Arrival[]): string | undefined {
  const usual = highest(medians(earlier.filter(isNew).map((one) => one.sizeBytes)))
  if (usual === undefined || sizeBytes >= smallShare * usual) return undefined
  return `it has ${formatBytes(sizeBytes)}, where ${formatBytes(usual)} is usual`
}

/** Of copies that came over the wire, but for the first: all of that is new. */
function isNewAll(copy: RecordedCopy, earlier: readonly Arrival[]): string | undefined {
  const shares = earlier
    .slice(1)
    .filter(isNew)
    .flatMap((one) => shareOf(one) ?? [])
  const usual = lowest(medians(shares))
  if (usual === undefined || usual >= mostNewShare) return undefined
  // Only a vault that went down meanwhile does not know: whoever sends cannot bring that about.
  if (copy.newBytes === null) return `how much of it is new is not known, where ${percent(usual)} is usual`
  const share = shareOf(copy)
  if (share === undefined) return undefined
  const most = Math.max(leastNewShare, Math.min(mostNewShare, timesNewShare * usual))
  if (share <= most) return undefined
  return `${percent(share)} of it is new, where ${percent(usual)} is usual`
}

function isNew({ isReleased }: Arrival): boolean {
  return !isReleased
}

function shareOf({ newBytes, sizeBytes }: RecordedCopy): number | undefined {
  if (newBytes === null || newBytes === 0 || sizeBytes === 0) return undefined
  return Math.min(1, newBytes / sizeBytes)
}

function highest(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((one, other) => Math.max(one, other))
}

function lowest(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((one, other) => Math.min(one, other))
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
