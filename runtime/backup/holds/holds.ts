import {
  backupStart,
  type DataOf,
  dataOf,
  type Envelope,
  readStored,
  sourceSynced,
  syncDismissed,
  syncHeld,
} from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import type { Journal } from '../../core/bus/journal.ts'
import { UsageError } from '../../errors.ts'
import type { HeldLists } from '../../host/mirror/held-lists.ts'

/** A sync that waits for somebody to decide, or has waited. */
export interface Hold {
  source: string
  run: string
  /** When it was held, in ISO 8601. */
  at: string
  facts: DataOf<typeof syncHeld>
}

/** What is asked about holds. */
export interface HoldsOf {
  bus: Pick<EventBus, 'events'>
  journal: Pick<Journal, 'run'>
  config: Pick<Config, 'sources'>
  lists: HeldLists
}

/** What holds have to do with the sources of a config. */
export type OpenHolds = Omit<HoldsOf, 'journal'>

/** Nothing is held under the given name; the message says what became of it. */
export class NothingHeldError extends UsageError {}

/** All holds that wait, in the order of the config. */
export function openHolds(of: OpenHolds): Hold[] {
  return Object.keys(of.config.sources).flatMap((source) => openHold(of, source) ?? [])
}

/** The hold of a source that waits. Any success since, another hold, a run that has used it, or its dismissal ends it. */
export function openHold({ bus, lists }: Omit<OpenHolds, 'config'>, source: string): Hold | undefined {
  const last = newestOf(bus, source)
  const hold = last && holdOf(last)
  if (hold?.facts.hold === undefined) return hold
  return lists.usedBy(hold.facts.hold) !== undefined || isDismissed(bus, hold) ? undefined : hold
}

function isDismissed(bus: HoldsOf['bus'], { source, facts }: Pick<Hold, 'source' | 'facts'>): boolean {
  const [last] = bus.events({ types: [syncDismissed.type], subject: source, newestFirst: true, limit: 1 })
  return last !== undefined && readStored(syncDismissed, last.data).data?.hold === facts.hold
}

/**
 * The holds that a person means, all of which wait.
 * @param id A source, the id of a hold, or a run.
 * @throws {NothingHeldError} None of them waits.
 */
export function waitingHolds(of: HoldsOf, id: string): Hold[] {
  const holds = findHolds(of, id)
  const open = holds.filter((hold) => isOpen(of, hold))
  if (open.length === 0) throw nothingHeld(of, id, holds)
  return open
}

/**
 * The holds that a person means, all of which can be released.
 * @throws {NothingHeldError} None of them waits.
 * @throws {UsageError} What would go is not known any more.
 */
export function releasableHolds(of: HoldsOf, id: string): Hold[] {
  const holds = waitingHolds(of, id)
  for (const { source, facts } of holds) {
    if (facts.hold !== undefined && of.lists.read(facts.hold, facts.digest)) continue
    throw new UsageError(`what the hold of ${source} would delete is not on record: it cannot be released`, {
      hint: `hdsync run ${source} looks again; what is held then can be`,
    })
  }
  return holds
}

/** What `backup.start` says of holds that were released. */
export function releaseOf(
  holds: readonly Hold[],
): Required<Pick<DataOf<typeof backupStart>, 'sources' | 'releases'>> {
  return {
    sources: holds.map(({ source }) => source),
    releases: holds.flatMap(({ facts }) => facts.hold ?? []),
  }
}

function findHolds({ bus, journal, config }: HoldsOf, id: string): Hold[] {
  if (Object.hasOwn(config.sources, id)) {
    return holdsIn(bus.events({ types: [syncHeld.type], subject: id, newestFirst: true, limit: 1 }))
  }
  const named = holdsIn(bus.events({ types: [syncHeld.type], newestFirst: true, limit: lookedAt }))
  const found = named.find(({ facts }) => facts.hold === id)
  if (found) return [found]
  const run = journal.run(id)
  return run ? holdsIn(bus.events({ runId: run.id, types: [syncHeld.type] })) : []
}

/** Holds that are searched for an id. */
const lookedAt = 1000

function isOpen(of: HoldsOf, { source, run }: Hold): boolean {
  return Object.hasOwn(of.config.sources, source) && openHold(of, source)?.run === run
}

function nothingHeld(of: HoldsOf, id: string, holds: readonly Hold[]): NothingHeldError {
  const whys = holds.map((hold) => whyNot(of, hold))
  return new NothingHeldError([`nothing is held under ${JSON.stringify(id)}`, ...whys].join(': '), {
    hint: '`hdsync show --held` lists what is held',
  })
}

/** Why a hold does not wait any more. */
function whyNot({ bus, config, lists }: HoldsOf, { source, run, facts }: Hold): string {
  if (!Object.hasOwn(config.sources, source)) return `there is no source ${source} any more`
  const user = facts.hold === undefined ? undefined : lists.usedBy(facts.hold)
  if (user !== undefined) return `the hold of ${source} in run ${run} was released in run ${user}`
  if (isDismissed(bus, { source, facts })) return `the hold of ${source} in run ${run} was dismissed`
  const events = bus.events({ types: [syncHeld.type, sourceSynced.type], subject: source })
  const next = events[events.findIndex(({ type, runid }) => type === syncHeld.type && runid === run) + 1]
  if (next?.type === syncHeld.type)
    return `the hold of ${source} in run ${run} was followed by that in run ${next.runid}`
  const start = next?.runid && bus.events({ runId: next.runid, types: [backupStart.type], limit: 1 })[0]
  const { releases = [] } = (start && readStored(backupStart, start.data).data) || {}
  if (facts.hold !== undefined && releases.includes(facts.hold)) {
    return `the hold of ${source} in run ${run} was released in run ${next?.runid}`
  }
  return `${source} was synced again in run ${next?.runid ?? '(forgotten)'}, after it was held in run ${run}`
}

function newestOf(bus: HoldsOf['bus'], source: string): Envelope | undefined {
  const types = [syncHeld.type, sourceSynced.type]
  return bus.events({ types, subject: source, newestFirst: true, limit: 1 })[0]
}

function holdsIn(events: readonly Envelope[]): Hold[] {
  return events.flatMap((event) => holdOf(event) ?? [])
}

/** @returns undefined for any other event, and for one that cannot be read. */
export function holdOf(event: Envelope): Hold | undefined {
  const facts = dataOf(syncHeld, event)
  return facts && { source: facts.source, run: event.runid ?? '', at: event.time, facts }
}

/** A hold as JSON, for people and programs: the facts of its event, and where that belongs. */
export function describeHold({ source, run, at, facts }: Hold) {
  const { hold = null, digest = null, reason = 'deletions', files = null, folders = null } = facts
  const { deletions, deleted, mirrorFiles, limit, byFolder = [], fileSystem = null, changes = null } = facts
  const numbers = { deletions, files, folders, deleted, mirrorFiles, limit }
  return { hold, source, run, at, reason, ...numbers, digest, byFolder, changes, fileSystem }
}
