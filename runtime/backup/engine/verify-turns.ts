import { type Envelope, readStored, verifyFinished, verifyStart } from '../../../events/index.ts'
import { runEndTypes } from '../../../events/types.ts'
import type { Config } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import type { Journal } from '../../core/bus/journal.ts'
import { isDue } from '../proof/items.ts'

/** The kind of runs that read backups again. */
export const verifyKind = 'verify'

/** What is said of a verification that is cancelled as something else is to begin. */
export const makesWay = 'another run begins; the verification goes on where it was the next time'

interface Past {
  bus: Pick<EventBus, 'events'>
  journal: Pick<Journal, 'unended' | 'run'>
}

/** Whether backups are to be read again now, after a run: `verify.every` has passed, and nobody is at it. */
export function isVerifyDue(
  { verify }: Pick<Config, 'verify'>,
  { bus, journal }: Past,
  now: number,
): boolean {
  if (!verify || journal.unended().some((id) => journal.run(id)?.kind === verifyKind)) return false
  const ends = bus.events({ types: [verifyFinished.type], newestFirst: true, limit: 100 })
  const last = ends.find(({ data }) => readStored(verifyFinished, data).data?.state !== 'cancelled')
  return isDue(last && Date.parse(last.time), verify.every, now)
}

/** Whether an event ends a backup. */
export function endsBackup({ type }: Pick<Envelope, 'type'>): boolean {
  return runEndTypes.some((end) => end === type)
}

/** Whether an event begins a run for which a verification makes way. */
export function needsWay({ type }: Pick<Envelope, 'type'>): boolean {
  return type !== verifyStart.type
}
