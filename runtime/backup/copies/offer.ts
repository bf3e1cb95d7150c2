import { basename } from 'node:path'
import type { copyKept, DataOf } from '../../../events/index.ts'
import type { Target } from '../../config/config.ts'
import { timeOn } from '../../host/points/archive-night.ts'
import { isoOf } from '../../instant.ts'
import { dateOf } from '../../weekday.ts'
import type { Context } from '../function.ts'
import { eventsLookedAt } from '../keep/keeping.ts'
import { type KeepPoint, tellsOfArchives } from '../keep/points.ts'
import { copyFacts } from './look.ts'
import type { CopyPlace } from './places.ts'
import { notTheCopy, passedName } from './steps.ts'
import { archivesToCopy } from './to-copy.ts'
import type { Missing, Offer, Ways } from './ways.ts'

/** Looks what a place has not got. What copies that were cut off have left, and nobody will go on with, is removed. */
export async function offersOf(
  place: CopyPlace,
  ways: Ways,
  from: Target,
  { events, host }: Pick<Context, 'events' | 'host'>,
): Promise<Offer[]> {
  const offers: Offer[] = []
  for (const source of place.sources) {
    const told = events.recent(tellsOfArchives, source, eventsLookedAt)
    const there = await ways.has(source)
    const facts = await copyFacts(source, { from, there, rules: place.rules }, told, host.archives.standing)
    const missing = archivesToCopy(facts).map((one) => ways.missing(one, source, there))
    offers.push({ source, facts, missing })
  }
  await ways.tidy(offers.flatMap(({ missing }) => missing))
  return offers
}

/** The newest archive that is not passed over. What stood in its place and was another file is replaced. */
export function nextArchive(offers: readonly Offer[], passed: readonly string[]): Missing | undefined {
  const [newest] = offers
    .flatMap((offer) => offer.missing)
    .filter((one) => !passed.includes(passedName(one)))
    .toSorted((one, other) => Date.parse(other.at) - Date.parse(one.at))
  return newest && passed.includes(notTheCopy(newest)) ? { ...newest, as: 'sent' } : newest
}

/** How many archives of a source nothing is on record of, so that nobody can tell whether a copy of them is good. */
export function unprovenOf({ facts: { archives, there } }: Offer): number {
  const nights = new Set(there.map(({ at }) => dateOf(at)))
  return archives.filter(({ state, at }) => state === 'unknown' && !nights.has(dateOf(at))).length
}

/**
 * Removes the copies of a source that `keep` does not keep.
 * @returns What is there now; `problems`: what could not be removed.
 */
export async function pruneCopies(
  offer: Offer,
  ways: Ways,
): Promise<Omit<DataOf<typeof copyKept>, 'copy' | 'source'> & { problems: string[] }> {
  const { gone, problems } = await ways.prune(offer)
  const kept = offer.facts.there.flatMap((one) =>
    isProven(one) && !gone.includes(one.path) ? [describe(one)] : [],
  )
  return { kept, pruned: gone, waiting: offer.missing.length, problems }
}

function isProven(point: KeepPoint): point is KeepPoint & { sha256: string } {
  return point.state === 'good' && point.sha256 !== undefined
}

function describe({ path, folder, writtenMs, sizeBytes, file, sha256 }: KeepPoint & { sha256: string }) {
  const at = isoOf(timeOn(basename(folder), writtenMs))
  return { path, at, sizeBytes, file, sha256 }
}
