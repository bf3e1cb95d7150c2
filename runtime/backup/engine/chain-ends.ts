import { backupFinish, snapshotAfter, sourceWarned } from '../../../events/index.ts'
import type { Clock } from '../../core/clock.ts'
import type { DispatcherOptions } from '../../core/dispatcher.ts'
import type { VisitEnd } from '../../core/gates.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { deadLetters } from './dead-letter.ts'

/** What the core puts on the bus for dead letters, and for functions that end at a gate. */
export function chainEnds(options: {
  registry: Registry
  clock: Clock
}): Required<Pick<DispatcherOptions, 'deadLetters' | 'visitEnded'>> {
  return { deadLetters: (delivery, reason) => deadLetters(delivery, reason, options), visitEnded }
}

/** Every branch of the chain ends by asking for the end of the run; for a function of the user's this does so. */
const visitEnded: NonNullable<DispatcherOptions['visitEnded']> = (end: VisitEnd) => {
  const finish = { event: backupFinish, data: {} }
  if (end.gate !== 'after' || end.outcome !== 'dead') return [finish]
  const { type, subject = '' } = end.event
  const what = type === snapshotAfter.type ? 'snapshot' : 'copy'
  const reason = `${end.function} failed after the ${what}: ${end.error}`
  const warning = { source: subject, step: type, reason }
  return [{ event: sourceWarned, data: warning }, finish]
}
