import {
  type DataOf,
  type Envelope,
  type EventDefinition,
  mirrorSuspect,
  type SourceResult,
  snapshotOverflowed,
  snapshotRefused,
  sourceArchived,
  sourceFailed,
  sourceSynced,
  syncHeld,
  syncRun,
} from '../../../events/index.ts'
import type { Journal, LoggedEvent, StoryDelivery, StoryEvent } from '../../core/bus/journal.ts'
import { heldText } from '../../why-held.ts'
import { summarise } from '../summary.ts'
import { type Warning, warningsIn } from './warnings.ts'

/** What went wrong with one source in one run, as facts. */
export interface Failure {
  run: string
  /** Milliseconds since the epoch. */
  at: number
  state: 'failed' | 'held' | 'cancelled'
  /** The event whose handling failed. */
  step: string
  reason: string
  /** What is behind it, where that was told. */
  cause?: string | undefined
  /** The snapshot that it happened with, counted from 1. */
  trial: number
  /** Attempts of the step itself. */
  tries: number
  command: FailedCommand | undefined
  /** What the kernel said when the last snapshot was refused. */
  kernel: readonly string[]
  /** How many snapshots of this run could not be mounted, and how many filled up. */
  refused: number
  overflowed: number
  /** Whether rsync had begun to write, so that the mirror may have changed. */
  mirrorTouched: boolean
  mirrorSuspect: boolean
  /** How the other sources of the run stand. */
  others: Pick<SourceResult, 'source' | 'state'>[]
  /** The newest archive from before. */
  archive: { path: string; at: number } | undefined
}

export interface FailedCommand {
  argv: readonly string[]
  /** null when a signal ended it, or it did not end or begin. */
  exitCode: number | null
  signal: string | null
  stderr: string
}

/** How a source fared: its last failure, and its last success, which may be degraded. */
export interface LastOutcome {
  failure: Failure | undefined
  good: { run: string; at: number; warnings: Warning[] } | undefined
}

/** Looks up how a source fared. A copy whose archive then failed is no success. */
export function lastOutcome(journal: Journal, source: string): LastOutcome {
  const newest = (...types: EventDefinition[]) =>
    journal.search({ subject: source, types: types.map(({ type }) => type), limit: 1 })[0]
  const failed = newest(sourceFailed, syncHeld)
  const synced = newest(sourceSynced)
  const isGood = synced && synced.event.runid !== failed?.event.runid
  return {
    failure: failed && failureOf(failed, source, journal),
    good: isGood ? goodOf(synced.event, source, journal) : undefined,
  }
}

function goodOf(event: Envelope, source: string, journal: Journal): NonNullable<LastOutcome['good']> {
  const run = runOf(event)
  return { run, at: Date.parse(event.time), warnings: warningsIn(journal, run, source) }
}

function failureOf({ seq, event }: LoggedEvent, source: string, journal: Journal): Failure {
  const run = runOf(event)
  const { events } = journal.story(run)
  const mine = events.filter((one) => one.event.subject === source)
  const count = ({ type }: EventDefinition) => mine.filter((one) => one.event.type === type).length
  const parent = events.find((one) => one.event.id === event.parentid)
  const delivery = parent?.deliveries.find(({ function: name }) => name === parent.event.type)
  const refusal = mine.findLast((one) => one.event.type === snapshotRefused.type)?.event
  const archive = journal
    .search({ types: [sourceArchived.type], subject: source })
    .findLast((archived) => archived.seq < seq)?.event
  const { sources } = summarise(
    events.map((one) => one.event),
    { id: run, startedAt: 0 },
    null,
  )
  return {
    run,
    at: Date.parse(event.time),
    ...outcomeOf(event),
    trial: parent?.event.attempt ?? 1,
    tries: delivery?.attempts.length ?? 1,
    command: delivery && event.type === sourceFailed.type ? failedCommand(delivery) : undefined,
    kernel: refusal ? dataOf(snapshotRefused, refusal).kernel : [],
    refused: count(snapshotRefused),
    overflowed: count(snapshotOverflowed),
    mirrorTouched: mine.some(wroteMirror),
    mirrorSuspect: count(mirrorSuspect) > 0,
    others: sources.filter((one) => one.source !== source).map(({ source, state }) => ({ source, state })),
    archive: archive && { path: dataOf(sourceArchived, archive).path, at: Date.parse(archive.time) },
  }
}

function outcomeOf(event: Envelope): Pick<Failure, 'state' | 'step' | 'reason' | 'cause'> {
  if (event.type === syncHeld.type) {
    return { state: 'held', step: syncRun.type, reason: heldText(dataOf(syncHeld, event)) }
  }
  const { step, reason, cancelled, cause } = dataOf(sourceFailed, event)
  return { state: cancelled ? 'cancelled' : 'failed', step, reason, cause }
}

/**
 * The command that explains the failure: of the last attempt, the first that ended badly by itself. One that was
 * stopped by a signal may only have lost its partner in a pipe; what ended badly later was tidying up.
 */
function failedCommand({ commands }: StoryDelivery): FailedCommand | undefined {
  const lastAttempt = Math.max(...commands.map((command) => command.try))
  const bad = commands.filter((command) => command.try === lastAttempt && command.exitCode !== 0)
  const worst = bad.find(({ exitCode }) => typeof exitCode === 'number') ?? bad[0]
  if (!worst) return undefined
  const { argv, exitCode = null, signal = null, stderr = '' } = worst
  return { argv, exitCode, signal, stderr }
}

function wroteMirror({ deliveries }: StoryEvent): boolean {
  return deliveries.some(({ commands }) =>
    commands.some(({ argv }) => argv[0] === 'rsync' && !argv.includes('--dry-run')),
  )
}

function dataOf<E extends EventDefinition>(_definition: E, { data }: Envelope): DataOf<E> {
  return data as DataOf<E>
}

function runOf({ runid }: Envelope): string {
  return runid ?? ''
}
