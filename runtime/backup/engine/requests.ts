import {
  backupJoined,
  backupStart,
  type DataOf,
  type Envelope,
  type InputOf,
  readStored,
  verifyStart,
} from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import { checkSources } from '../../config/lookup.ts'
import type { Publication } from '../../core/bus/bus.ts'
import { inTurn, publicationOf, RejectedEventError, type Submission } from '../../core/intake.ts'
import { type Issue, type Origin, rootPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { UsageError } from '../../errors.ts'

/**
 * The first event of a chain, from what somebody outside has sent.
 * @throws {RejectedEventError} The type may not be triggered, or its data or what it says of itself does not fit.
 */
export function requestPublication(
  submission: Submission,
  registry: Registry,
  options: { now: number; runId?: string },
): Publication {
  return publicationOf(submission, registry, { ...options, hintFor })
}

/** Senders of version 0.1 could permit deletions. */
function hintFor(type: string, issues: readonly Issue[]): string | undefined {
  const keys = issues.flatMap((issue) => ('keys' in issue ? (issue.keys as string[]) : []))
  const isRelease =
    type === backupStart.type && keys.some((key) => ['allowDeletions', 'releases'].includes(key))
  return isRelease ? '`hdsync release ID`, or POST /held/ID/release, resumes a held sync' : undefined
}

/**
 * Refuses a run of sources that are not in the config.
 * @throws {RejectedEventError} Each with its place.
 */
export function checkRequest({ event }: Publication, config: Config): void {
  if (event.type !== backupStart.type && event.type !== verifyStart.type) return
  const { sources = [] } = event.data as DataOf<typeof backupStart | typeof verifyStart>
  try {
    checkSources(sources, config)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const { message, hint } = error
    throw new RejectedEventError('invalid-data', message, { hint, issues: [{ path: ['sources'], message }] })
  }
}

/** The first event of a run with a release, which `requestPublication` accepts from nobody. */
export function releasePublication(
  data: InputOf<typeof backupStart>,
  registry: Registry,
  { now, origin = {} }: { now: number; origin?: Origin | undefined },
): Publication {
  return inTurn(rootPublication(registry, backupStart, data, { now, origin }))
}

/**
 * Stands for an event that joins a waiting run, so that its id is known and it is taken once.
 */
export function joining({ event }: Publication, run: string): Publication {
  const { runid: _, ...rest } = event
  return { event: { ...rest, type: backupJoined.type, data: { run } }, deliveries: [] }
}

/** The run that an event belongs to, by what was put on the bus for it. */
export function runOf(event: Envelope | undefined): string {
  if (event?.type !== backupJoined.type) return event?.runid ?? ''
  return readStored(backupJoined, event.data).data?.run ?? ''
}
