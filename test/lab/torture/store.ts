import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Envelope } from '../../../events/index.ts'
import {
  archiveWeekly,
  restoreFailed,
  restoreFinished,
  restoreStart,
  runEnds,
  runStarted,
  sourceArchived,
  sourceSynced,
  syncRun,
  verifyFailed,
  verifyFinished,
} from '../../../events/index.ts'
import { wordsOf } from '../../../runtime/cli/view/words.ts'
import { envelopeOf } from '../../../runtime/core/bus/sqlite/rows.ts'

type Row = Record<string, unknown>
const endTypes = new Set<string>(
  [...runEnds, restoreFinished, restoreFailed, verifyFinished, verifyFailed].map(({ type }) => type),
)

/** A copy of an event store, read by rules of its own and not by hdsync's code, except for the shape of an event. */
export class Store {
  /** What SQLite says is wrong with it. */
  readonly corrupt: string[]
  readonly events: Envelope[]
  readonly #deliveries: Row[]
  readonly #commands: Row[]

  /** @param folder Holds hdsync.db and, after a crash, its write-ahead log. */
  constructor(folder: string) {
    const database = new DatabaseSync(join(folder, 'hdsync.db'))
    try {
      const checks = ['integrity_check', 'foreign_key_check'].flatMap((check) =>
        database.prepare(`PRAGMA ${check}`).all(),
      )
      this.corrupt = checks.map((row) => Object.values(row).join(' ')).filter((said) => said !== 'ok')
      this.events = database.prepare('SELECT * FROM event ORDER BY seq').all().map(envelopeOf)
      this.#deliveries = database
        .prepare('SELECT d.*, e.run_id, e.type FROM delivery d JOIN event e ON e.seq = d.event_seq')
        .all()
      this.#commands = database
        .prepare(
          `SELECT c.argv, c.started_at, e.run_id FROM command c JOIN delivery d ON d.id = c.delivery_id
           JOIN event e ON e.seq = d.event_seq ORDER BY c.id`,
        )
        .all()
    } finally {
      database.close()
    }
  }

  /** Runs, in the order in which they were asked for. */
  get runs(): string[] {
    return [...new Set(this.events.flatMap(({ runid }) => runid ?? []))]
  }

  ends(run: string): Envelope[] {
    return this.events.filter(({ runid, type }) => runid === run && endTypes.has(type))
  }

  /** What is owed and what does not hang together, once no hdsync runs and each run has ended. */
  loose(): string[] {
    const ids = new Set(this.events.map(({ id }) => id))
    return [
      ...this.#deliveries
        .filter(({ state }) => state === 'ready' || state === 'claimed')
        .map(({ id, type, state, run_id }) => `delivery ${id} of ${type} is ${state} (run ${run_id})`),
      ...this.events
        .filter(({ parentid }) => parentid !== undefined && !ids.has(parentid))
        .map(({ id, type, parentid }) => `${type} ${id} was emitted by ${parentid}, which there is not`),
    ]
  }

  /** Lines that `hdsync run` has printed about events of which there is no trace here. */
  missing(printed: readonly string[]): string[] {
    const told = new Set(this.events.flatMap((event) => `${event.subject ?? 'run'} ${wordsOf(event)}`))
    const lines = printed
      .map((line) => /^\d\d:\d\d:\d\d (\S+) +(.*)$/.exec(line))
      .filter((match) => match !== null)
    return lines.map(([, subject, words]) => `${subject} ${words}`).filter((line) => !told.has(line))
  }

  /** Whether a run is a restore, and no backup. */
  isRestore(run: string): boolean {
    return this.events.some(({ runid, type }) => runid === run && type === restoreStart.type)
  }

  /** Sources of a run that it did not prove to have copied and archived. */
  unproven(run: string): string[] {
    const of = (type: string) => this.events.filter((event) => event.runid === run && event.type === type)
    const sources = of(runStarted.type).flatMap(({ data }) => (data as { sources: string[] }).sources)
    if (sources.length === 0) return ['everything: it never began']
    return sources.flatMap((source) =>
      [sourceSynced.type, sourceArchived.type]
        .filter((type) => !of(type).some(({ subject }) => subject === source))
        .map((type) => `${source} without ${type}`),
    )
  }

  /** The run whose copy a mirror is; undefined when a later one may have begun to write to it. */
  mirroredBy(source: string): string | undefined {
    const last = this.#last([syncRun.type, sourceSynced.type], source)
    return last?.type === sourceSynced.type ? last.runid : undefined
  }

  /** The run that last said that it put this archive in place; `replaced` when a later one may have done so too. */
  archivedBy(
    source: string,
    path: string,
  ): { run: string; sizeBytes: number; replaced: boolean } | undefined {
    const isIt = ({ type, data }: Envelope) =>
      type === sourceArchived.type && (data as { path: string }).path === path
    const last = this.events.findLast(isIt)
    if (!last?.runid) return undefined
    const replaced = this.#last([archiveWeekly.type, sourceArchived.type], source) !== last
    return { run: last.runid, sizeBytes: (last.data as { sizeBytes: number }).sizeBytes, replaced }
  }

  /** When a run began to take the last snapshot of a source; 0 when it did not. */
  snapshotAt(run: string, source: string): number {
    const words = `"hdsync_${source}"`
    const taken = this.#commands.findLast(
      ({ argv, run_id }) =>
        run_id === run && /^\["lvcreate"/.test(String(argv)) && String(argv).includes(words),
    )
    return Number(taken?.started_at ?? 0)
  }

  /** How often a function was begun in a run. */
  tries(run: string, type: string): number[] {
    return this.#deliveries
      .filter((row) => row.run_id === run && row.type === type)
      .map(({ tries }) => Number(tries))
  }

  #last(types: readonly string[], source: string): Envelope | undefined {
    return this.events.findLast(({ type, subject }) => types.includes(type) && subject === source)
  }
}
