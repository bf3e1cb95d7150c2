import { type Envelope, type KeptArchive, sourceArchived, sourceKept } from '../../../events/index.ts'
import type { Config, Target } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import { reachingBack, toldAt } from '../../core/bus/reaching-back.ts'
import type { Host } from '../../host/host.ts'
import { isoOf } from '../../instant.ts'
import { dateOf } from '../../weekday.ts'
import { openUnusual } from '../mirror/unusual.ts'
import { dueToBeKept } from './due.ts'
import { archiveRecord, isWeekday, type KeepPoint, pointsOf, tellsOfArchives } from './points.ts'
import { decidePruning, type Pruning } from './pruning.ts'
import { type KeepRules, keepRules } from './tiers.ts'

/** What keeping needs of the box. */
type Archives = Pick<Host['archives'], 'standing' | 'keep'>

/** How far back the record of a source is read: so many events. */
export const eventsLookedAt = 1000
/** The nights of a week, with a day more, as a night may be late. */
export const weekOfNightsMs = 8 * 86_400_000

/** More nights than a week has, as a rule. */
const fewNights = 10

/**
 * What is on record of a source's archives, of each kind the newest first; of what was kept the last alone, which has all.
 * @param since So far back nights are wanted, in milliseconds since the epoch; all unless given.
 */
export function archiveHistory(bus: Pick<EventBus, 'events'>, source: string, since?: number): Envelope[] {
  const read = (types: string[], limit: number) =>
    bus.events({ types, subject: source, newestFirst: true, limit })
  return [...read([sourceKept.type], 1), ...nightEvents(bus, source, since), ...read(rarely, eventsLookedAt)]
}

/** The nights on record that have archived a source, the newest first. @param since As for `archiveHistory`. */
export function nightEvents(bus: Pick<EventBus, 'events'>, source: string, since?: number): Envelope[] {
  const type = { types: [sourceArchived.type], subject: source, newestFirst: true }
  const reach = { since, few: fewNights, most: eventsLookedAt }
  return reachingBack((limit) => bus.events({ ...type, limit }), reach, toldAt)
}

const rarely = tellsOfArchives
  .filter((kind) => kind !== sourceKept && kind !== sourceArchived)
  .map(({ type }) => type)

/**
 * Keeps what is due of the archives that tonight's are about to replace.
 * @param events What is on record of the source's archives, newest first; see `tellsOfArchives`.
 * @returns What has a new name.
 * @throws {TerminalError} It cannot be kept: then nothing may be put in its place.
 */
export async function keepDue(
  {
    config,
    to,
    source,
    weekday,
    startedAt,
  }: {
    config: Config
    to: Target
    source: string
    weekday: string
    startedAt: number
  },
  events: readonly Envelope[],
  archives: Archives,
): Promise<KeptArchive[]> {
  const rules = keepRules(config)
  const unusual = openUnusual(events)
  if (!rules && !unusual) return []
  const points = pointsOf(await archives.standing(to, source), archiveRecord(events))
  const added: KeptArchive[] = []
  // What is from before it may be the last that is good, be it of the same day.
  const due = unusual
    ? points.filter(({ folder, at }) => folder === weekday && at < unusual.at)
    : rules
      ? dueToBeKept(points, weekday, startedAt, rules)
      : []
  for (const point of due) {
    const { how, ...kept } = await archives.keep(to, point.path, dateOf(point.at))
    if (how !== 'there') added.push({ ...describe(point), ...kept })
  }
  return added
}

/** What pruning does with a source's archives, decided by what stands on the disk and on record. Changes nothing. */
export async function planPruning(
  {
    source,
    to,
    rules,
    added = [],
  }: {
    source: string
    to: Target
    rules: KeepRules
    added?: readonly KeptArchive[]
  },
  events: readonly Envelope[],
  archives: Pick<Archives, 'standing'>,
): Promise<Pruning> {
  const record = archiveRecord(events)
  const points = pointsOf(await archives.standing(to, source), {
    ...record,
    kept: [...added, ...record.kept],
  })
  const pruning = decidePruning(points, record, rules)
  const unusual = openUnusual(events)
  return unusual ? withoutRemoval(pruning, source) : pruning
}

/** While nobody has said that it was meant, what is from before an unusual copy may be the last that is good. */
function withoutRemoval({ stay, go, waits }: Pruning, source: string): Pruning {
  if (go.length === 0) return { stay, go, ...(waits !== undefined && { waits }) }
  return {
    stay: [...stay, ...go.map((point) => ({ point, for: [] }))],
    go: [],
    waits: `a copy has changed unusually many files: hdsync release ${source}, if that was meant`,
  }
}

/** What stays in the folder `kept`, as it is recorded. */
export function keptNow({ stay }: Pruning): KeptArchive[] {
  return stay
    .filter(({ point }) => !isWeekday(point.folder))
    .map(({ point, for: keptFor }) => ({ ...describe(point), keptFor }))
}

function describe({ path, at, sizeBytes, file, sha256, state }: KeepPoint): KeptArchive {
  return { path, at: isoOf(at), sizeBytes, file, state, keptFor: [], ...(sha256 !== undefined && { sha256 }) }
}
