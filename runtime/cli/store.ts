import type { RunState } from '../../events/index.ts'
import { runTypes } from '../../events/types.ts'
import { backupKind, isUntouched, type RunReport, reportOn } from '../backup/run-report.ts'
import type { Config } from '../config/config.ts'
import type { Journal, RunRow, Story } from '../core/bus/journal.ts'
import { openDatabaseForReading } from '../core/bus/sqlite/database.ts'
import { SqliteJournal } from '../core/bus/sqlite/journal.ts'
import { lockHolder } from '../core/bus/sqlite/lock-holder.ts'

/**
 * Reads the journal, also while another hdsync is at work, and gives the store back.
 * @param read May ask whether another process is at work there.
 * @returns undefined when there is no store yet, which is not made.
 * @throws {UsageError} The store cannot be read.
 */
export function readJournal<T>(
  config: Pick<Config, 'state'>,
  read: (journal: Journal, atWork: () => boolean) => T,
): T | undefined {
  const opened = openJournal(config)
  if (!opened) return undefined
  try {
    return read(opened.journal, () => lockHolder(config.state) !== undefined)
  } finally {
    opened.close()
  }
}

/**
 * Opens the journal for whoever reads in it for longer; `close` gives the store back.
 * @returns undefined when there is no store yet, which is not made.
 * @throws {UsageError} The store cannot be read.
 */
export function openJournal({
  state,
}: Pick<Config, 'state'>): { journal: Journal; close(): void } | undefined {
  const database = openDatabaseForReading(state)
  return database && { journal: new SqliteJournal(database, runTypes), close: () => database.close() }
}

/** How a run stands. `waiting`: asked for, not begun. `interrupted`: begun, and nobody is at it any more. */
export type Standing = RunState | 'waiting' | 'interrupted'

/** A run as it is shown: how it stands, and the public result of it. */
export interface Reading {
  standing: Standing
  result: RunReport
  /** Read only of a backup that has not ended. */
  story?: Story
}

/**
 * @param atWork Asked first, and only of a run that has not ended: one that ends in between is then seen with its end,
 *   not as one that was broken off. The kernel takes 10 ms to answer.
 */
export function readRun(run: RunRow, atWork: () => boolean, journal: Journal): Reading {
  const going = !run.end && atWork()
  const story = run.kind === backupKind && !run.end ? journal.story(run.id) : undefined
  const result = reportOn(run, {
    events: () => story?.events.map(({ event }) => event) ?? [],
    tallies: (id) => journal.tallies(id),
  })
  const reading = { result, ...(story && { story }) }
  if (result.state !== 'running') return { ...reading, standing: result.state }
  if (isUntouched(journal.tallies(run.id))) return { ...reading, standing: 'waiting' }
  return { ...reading, standing: going ? 'running' : 'interrupted' }
}
