import type { Envelope, RunResult } from '../../events/index.ts'
import { runStates } from '../../events/run-states.ts'
import type { Journal, RunRow, Tally } from '../core/bus/journal.ts'
import { isoOf } from '../instant.ts'
import { notBegun } from '../run-duration.ts'
import { summarise } from './summary.ts'

/** How a run of any kind went, or stands: what `show --json`, `runs --json` and HTTP give. */
export type RunReport = RunResult & { kind: string }

/** The kind of runs that back up sources. */
export const backupKind = 'backup'

/** Whether a backup waits for a run of this kind: the night must not be left out. */
export function waitedFor(kind: string | undefined): boolean {
  return kind !== undefined && ['restore', 'drill', 'verify', 'copy'].includes(kind)
}

/** What is read of a run to report on it. */
export interface RunFacts {
  /** The events of the run; asked for only of a backup that has not ended. */
  events(): readonly Envelope[]
  tallies: Journal['tallies']
}

/** Reports on a run: a backup by its events, any other by what became of what it owed. */
export function reportOn(run: RunRow, { events, tallies }: RunFacts): RunReport {
  const { id, kind, startedAt, end } = run
  if (kind !== backupKind && end?.type.endsWith('.failed')) {
    const { reason = null } = end.data as { reason?: string }
    const told = reportByTallies(run, tallies(id))
    const state = told.state === 'cancelled' ? 'cancelled' : 'failed'
    return { ...told, state, error: reason, endedAt: end.time }
  }
  if (kind !== backupKind) return { ...reportByTallies(run, tallies(id)), ...saidBy(end) }
  const result = end ? (end.data as RunResult) : summarise(events(), { id, startedAt }, null)
  return { ...result, kind }
}

/** What the end of a run that is no backup says of itself, as that of a verification. */
function saidBy(end: RunRow['end']): Partial<RunReport> {
  const { state, reason = null } = (end?.data ?? {}) as { state?: string; reason?: string | null }
  const known = runStates.find((one) => one === state)
  return end && known ? { state: known, error: reason, endedAt: end.time } : {}
}

/** Whether a run that is no backup has come to its end: nothing of it is owed any more. */
export function isOver(tallies: readonly Tally[]): boolean {
  return !tallies.some(({ state, function: name }) => isOpen(state) && !isNotice(name))
}

/** Whether nobody has tried anything of it yet; hooks may have been told that it waits. */
export function isUntouched(tallies: readonly Tally[]): boolean {
  return tallies.every(({ tried, function: name }) => tried === 0 || isNotice(name))
}

function reportByTallies({ id, kind, startedAt }: RunRow, all: readonly Tally[]): RunReport {
  const tallies = all.filter(({ function: name }) => !isNotice(name))
  const report = { run: id, kind, startedAt: isoOf(startedAt), sources: [] }
  if (!isOver(tallies)) return { ...report, state: 'running', endedAt: null, error: null }
  const dead = tallies.find(({ state }) => state === 'dead')
  const cancelled = tallies.find(({ state }) => state === 'cancelled')
  const endedAt = Math.max(startedAt, ...tallies.map((tally) => tally.endedAt ?? startedAt))
  const ended = { ...report, endedAt: isoOf(endedAt) }
  if (cancelled) {
    const when = isUntouched(tallies) ? ` ${notBegun}` : ''
    return { ...ended, state: 'cancelled', error: `${cancelled.error ?? 'cancelled'}${when}` }
  }
  if (dead) return { ...ended, state: 'failed', error: `${dead.function}: ${dead.error}` }
  return { ...ended, state: 'succeeded', error: null }
}

function isOpen(state: Tally['state']): boolean {
  return state === 'ready' || state === 'claimed'
}

/** What tells hooks belongs to no run: a hook that cannot be reached is tried for a day. */
export function isNotice(functionName: string): boolean {
  return functionName.startsWith('notify.')
}
