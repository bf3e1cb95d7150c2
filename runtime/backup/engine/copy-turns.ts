import { copyStart, drillStart, type Envelope, verifyStart } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { Journal } from '../../core/bus/journal.ts'

/** The kind of runs that copy archives to other places. */
export const copyKind = 'copy'

/** What is said of copies that are cancelled as something else is to begin. */
export const copiesMakeWay = 'another run begins; the copies go on where they were after the next night'

/** Whether archives are to be copied now, after a night: places are configured, and nobody is at it. */
export function isCopyDue(
  { copies }: Pick<Config, 'copies'>,
  { journal }: { journal: Pick<Journal, 'unended' | 'run'> },
): boolean {
  if (Object.keys(copies ?? {}).length === 0) return false
  return !journal.unended().some((id) => journal.run(id)?.kind === copyKind)
}

/** Whether an event begins a run for which copies make way: a backup or a restore. */
export function needsWayOfCopies({ type }: Pick<Envelope, 'type'>): boolean {
  return ![copyStart, verifyStart, drillStart].some((start) => start.type === type)
}
