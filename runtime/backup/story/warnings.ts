import {
  runWarned,
  snapshotBefore,
  sourceBefore,
  sourceSynced,
  syncRun,
  targetOpen,
} from '../../../events/index.ts'
import type { Journal } from '../../core/bus/journal.ts'
import { warningsOf } from '../summary.ts'

/** What was odd about a backup that was made. */
export interface Warning {
  /** The event whose handling was not as it was asked for, or that tells of it. */
  step: string
  reason: string
}

/** What made the last good run of a source degraded, and what of the run may concern it. */
export function warningsIn(journal: Journal, run: string, source: string): Warning[] {
  const events = journal.story(run).events.map(({ event }) => event)
  const mine = warningsOf(events.filter(({ subject }) => subject === source))
  return [
    ...mine.map(({ step = sourceSynced.type, reason }) => ({ step, reason })),
    ...events
      .filter(({ type }) => type === runWarned.type)
      .map(({ data }) => ({ step: runWarned.type, reason: (data as { reason: string }).reason })),
  ]
}

/** Whether it was the source's own backup, not the run beside it, that was not as it was asked for. */
export function isDegraded(warnings: readonly Warning[]): boolean {
  return warnings.some(({ step }) => step !== runWarned.type)
}

/** What to do about each kind of warning; what begins with `$ ` is a command. */
const remedies: Readonly<Record<string, (source: string, run: string) => string[]>> = {
  [targetOpen.type]: () => [
    'The backup is good. Put right what is named above; `check` tells whether the backup disk is all right then:',
    '$ hdsync check',
  ],
  [snapshotBefore.type]: (source, run) => [
    'A function of your own did not get it ready for its snapshot in time. See what it did, and try it by itself:',
    `$ hdsync show ${run}`,
    '$ hdsync functions',
    `It may take longer with sources.${source}.snapshot.gate.timeout.`,
  ],
  [sourceBefore.type]: (source, run) => [
    'What was copied is good, but a function of your own did not get it ready. See what it did, and try it by itself:',
    `$ hdsync show ${run}`,
    '$ hdsync functions',
    `It may take longer with sources.${source}.gate.timeout.`,
  ],
  [sourceSynced.type]: (source) => [
    `All else was copied, but what is named above is in no backup. Put it right, or leave it out on purpose with sources.${source}.exclude, then:`,
    `$ hdsync run ${source}`,
  ],
  [syncRun.type]: (source) => [
    `What was copied is good. Put right what is named above: give what is left out a source of its own, or leave it out on purpose with sources.${source}.exclude, then:`,
    '$ hdsync check',
    `$ hdsync run ${source}`,
  ],
  [runWarned.type]: (_, run) => ['See when it came up in the run:', `$ hdsync show ${run}`],
}

/** What to do about all of them, once each. */
export function warningRemedies(warnings: readonly Warning[], source: string, run: string): string[] {
  const steps = [...new Set(warnings.map(({ step }) => step))]
  return steps.flatMap((step) => remedies[step]?.(source, run) ?? [])
}
