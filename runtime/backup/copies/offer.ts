import { basename } from 'node:path'
import type { copyKept, copyProve, copySend, DataOf } from '../../../events/index.ts'
import type { Target } from '../../config/config.ts'
import { partName, tidyParts } from '../../host/copies/parts.ts'
import { copyPath, linkCopy } from '../../host/copies/send-archive.ts'
import { timeOn } from '../../host/points/archive-night.ts'
import { isoOf } from '../../instant.ts'
import { dateOf } from '../../weekday.ts'
import type { Context } from '../function.ts'
import { eventsLookedAt } from '../keep/keeping.ts'
import { archiveRecord, type KeepPoint, tellsOfArchives } from '../keep/points.ts'
import { decidePruning } from '../keep/pruning.ts'
import { copiesThere, copyFacts } from './look.ts'
import type { CopyPlace } from './places.ts'
import { notTheCopy, passedName } from './steps.ts'
import { archivesToCopy, type CopyFacts } from './to-copy.ts'

/** An archive that a place has not got, and how it comes by it. */
export type Missing = Omit<DataOf<typeof copySend>, keyof import('../../../events/index.ts').CopyStep> &
  Pick<DataOf<typeof copyProve>, 'as'>

/** What a place has of a source, and what it has not. */
export interface Offer {
  source: string
  facts: CopyFacts
  missing: Missing[]
}

/** Looks what a place has not got. What copies that were cut off have left, and nobody will go on with, is removed. */
export async function offersOf(place: CopyPlace, from: Target, context: Context): Promise<Offer[]> {
  const offers: Offer[] = []
  for (const source of place.sources) {
    const told = context.events.recent(tellsOfArchives, source, eventsLookedAt)
    const targets = { from, to: place.target, rules: place.rules }
    const facts = await copyFacts(source, targets, told, context.host.archives.standing)
    offers.push({
      source,
      facts,
      missing: archivesToCopy(facts).map((one) => missing(one, source, place.target, facts)),
    })
  }
  const parts = offers.flatMap((offer) => offer.missing.map(({ to, sha256 }) => partName(to, sha256)))
  await tidyParts(place.target, new Set(parts))
  return offers
}

function missing(
  { path, file, at, sizeBytes, sha256 }: ReturnType<typeof archivesToCopy>[number],
  source: string,
  target: Target,
  { there }: CopyFacts,
): Missing {
  const to = copyPath(target, dateOf(at), path)
  const stands = there.some(
    (one) => one.path === to && one.state === 'unknown' && one.sizeBytes === sizeBytes,
  )
  return { source, path, file, at: isoOf(at), sizeBytes, sha256, to, as: stands ? 'stands' : 'sent' }
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
 * Gives a place a second name of a copy that it has, where an archive is of the same bytes.
 * @returns Whether that could be done.
 */
export async function linkFromThere(
  { source, to, sha256 }: Pick<Missing, 'source' | 'to' | 'sha256'>,
  target: Target,
  { host }: Pick<Context, 'host'>,
): Promise<boolean> {
  const there = await copiesThere(target, source, host.archives.standing)
  const same = there.find((one) => one.state === 'good' && one.sha256 === sha256)
  return same !== undefined && (await linkCopy(target, same.path, to, sha256))
}

/**
 * Removes the copies of a source that `keep` does not keep. Good ones are counted, and nothing goes while something unusual
 * is open.
 * @returns What is there now; `problems`: what could not be removed.
 */
export async function pruneCopies(
  { source, facts, missing: left }: Offer,
  { target, rules }: CopyPlace,
  { host, events }: Pick<Context, 'host' | 'events'>,
): Promise<Omit<DataOf<typeof copyKept>, 'copy' | 'source'> & { problems: string[] }> {
  const { nights } = archiveRecord(events.recent(tellsOfArchives, source, eventsLookedAt))
  const { go } = rules && !facts.isUnusual ? decidePruning(facts.there, { nights }, rules) : { go: [] }
  const { gone, problems } = await host.archives.remove(target, go)
  const kept = facts.there.flatMap((one) =>
    isProven(one) && !gone.includes(one.path) ? [describe(one)] : [],
  )
  return { kept, pruned: gone, waiting: left.length, problems }
}

function isProven(point: KeepPoint): point is KeepPoint & { sha256: string } {
  return point.state === 'good' && point.sha256 !== undefined
}

function describe({ path, folder, writtenMs, sizeBytes, file, sha256 }: KeepPoint & { sha256: string }) {
  const at = isoOf(timeOn(basename(folder), writtenMs))
  return { path, at, sizeBytes, file, sha256 }
}
