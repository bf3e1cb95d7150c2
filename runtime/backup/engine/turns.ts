import {
  copyStart,
  drillOverdue,
  drillStart,
  type Envelope,
  readStored,
  verifyFinished,
  verifyStart,
} from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import type { Journal } from '../../core/bus/journal.ts'
import { drillTurn } from '../proof/drill-due.ts'
import { drillEnds, drillsLookedAt } from '../proof/drill-history.ts'
import { isDue } from '../proof/items.ts'

// What is done after a night: drills, copies, verifications. The last two can be paused, and make way for other runs.

type Making = Pick<Config, 'copies' | 'drill' | 'sources' | 'verify'>

interface Past {
  bus: Pick<EventBus, 'events'>
  journal: Pick<Journal, 'unended' | 'run'>
}

/** Kinds of runs that make way, for which events they do not, and what is said of them. */
const pauses = [
  {
    kind: 'verify',
    lets: [verifyStart.type],
    reason: 'another run begins; the verification goes on where it was the next time',
  },
  {
    kind: 'copy',
    lets: [copyStart.type, drillStart.type, verifyStart.type],
    reason: 'another run begins; the copies go on where they were after the next night',
  },
]

/** Whether a run of this kind makes way for a backup or a restore: it goes on where it was at another time. */
export function makesWay(kind: string | undefined): boolean {
  return pauses.some((one) => one.kind === kind)
}

/** Why a run is cancelled as this event begins another one; undefined where it goes on. @param kind Of the run. */
export function makesWayFor({ type }: Pick<Envelope, 'type'>, kind: string | undefined): string | undefined {
  return pauses.find((one) => one.kind === kind && !one.lets.some((start) => start === type))?.reason
}

/** What is to begin now, after a night: types of events, in their order. A verification would make way for the others. */
export function dueAfterNight(config: Making, past: Past, now: number): string[] {
  return [
    ...(isDrillDue(config, past, now) ? [drillStart.type] : []),
    ...(isCopyDue(config, past) ? [copyStart.type] : []),
    ...(isVerifyDue(config, past, now) ? [verifyStart.type] : []),
  ]
}

/** Whether a drill is to be made now: `drill.every` has passed, and nobody is at one. */
function isDrillDue(config: Making, past: Past, now: number): boolean {
  if (isGoingOn('drill', past)) return false
  const newest = (types: string[], limit: number) => past.bus.events({ types, newestFirst: true, limit })
  const types = drillEnds.map(({ type }) => type)
  return drillTurn(config, newest(types, drillsLookedAt), newest([drillOverdue.type], 1)[0], now).isDue
}

/** Whether archives are to be copied now: places are configured, and nobody is at it. */
export function isCopyDue({ copies }: Pick<Making, 'copies'>, past: Pick<Past, 'journal'>): boolean {
  return Object.keys(copies ?? {}).length > 0 && !isGoingOn('copy', past)
}

/** Whether backups are to be read again now: `verify.every` has passed, and nobody is at it. */
export function isVerifyDue({ verify }: Pick<Making, 'verify'>, past: Past, now: number): boolean {
  if (!verify || isGoingOn('verify', past)) return false
  const ends = past.bus.events({ types: [verifyFinished.type], newestFirst: true, limit: 100 })
  const last = ends.find(({ data }) => readStored(verifyFinished, data).data?.state !== 'cancelled')
  return isDue(last && Date.parse(last.time), verify.every, now)
}

function isGoingOn(kind: string, { journal }: Pick<Past, 'journal'>): boolean {
  return journal.unended().some((id) => journal.run(id)?.kind === kind)
}
