import { copyProved, dataOf, type Envelope } from '../../../events/index.ts'
import { dateOf } from '../../weekday.ts'
import { readPast } from '../past.ts'

/** A copy that a place has proved to this host. */
export interface ProvedCopy {
  /** Of a vault: the SHA-256 of the file that it has. */
  file: string
  /** The night, in milliseconds since the epoch. */
  at: number
}

/** More than the nights of a year that are on record, in several places. */
export const provedLookedAt = 4000

/** The copies of a source that a place has proved. @param events Of the kind `copy.proved`. */
export function provedIn(events: readonly Envelope[], copy: string, source: string): ProvedCopy[] {
  return events.flatMap((event) => {
    const data = dataOf(copyProved, event)
    return data?.copy === copy && data.source === source ? [{ file: data.file, at: Date.parse(data.at) }] : []
  })
}

/** The same, read from the state directory; none where its record cannot be read. */
export function readProved(state: string, copy: string, source: string): ProvedCopy[] {
  const wanted = { types: [copyProved.type], subject: source, newestFirst: true, limit: provedLookedAt }
  try {
    return provedIn(
      readPast({ state }, ({ bus }) => bus.events(wanted)),
      copy,
      source,
    )
  } catch {
    return []
  }
}

/**
 * What is on record of a file that a vault names for a night. `same`: it was proved for that night. `other`: another file was.
 * `known`: nothing is on record of the night, and the file was proved for another one. `unknown`: neither is on record.
 * @param night In milliseconds since the epoch.
 */
export function onRecord(
  file: string,
  night: number,
  proved: readonly ProvedCopy[],
): 'same' | 'other' | 'known' | 'unknown' {
  const exact = proved.filter(({ at }) => at === night)
  // A moment beside the night would be nobody's.
  const ofNight = exact.length > 0 ? exact : proved.filter(({ at }) => dateOf(at) === dateOf(night))
  const isIn = (copies: readonly ProvedCopy[]) => copies.some((one) => one.file === file)
  if (ofNight.length > 0) return isIn(ofNight) ? 'same' : 'other'
  return isIn(proved) ? 'known' : 'unknown'
}
