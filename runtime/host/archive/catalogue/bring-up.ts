import type { DatabaseSync } from 'node:sqlite'
import { nightSteps } from './tables.ts'

/** An archive as a catalogue notes it. */
export interface CataloguedArchive {
  /** Which segments it consists of: see `TailHeader`. */
  archive: string
  /** As `archiveFile` tells it. */
  file: string
  /** `Thursday/var.tar.zst` */
  name: string
  /** When its mirror was read, in milliseconds since the epoch. */
  at: number
  sizeBytes: number
  /** Whether its segments are known by the names that they have in the archive. */
  isKeyed: boolean
}

/** A row of `point`. */
export interface Point extends CataloguedArchive {
  seq: number
  entries: number
}

/** All points, the oldest first. */
export function pointsOf(database: DatabaseSync): Point[] {
  const rows = database.prepare('SELECT * FROM point ORDER BY seq').all()
  return rows.map(({ seq, archive, file, name, at, size, entries, keyed }) => ({
    seq: Number(seq),
    archive: String(archive),
    file: String(file),
    name: String(name),
    at: Number(at),
    sizeBytes: Number(size),
    entries: Number(entries),
    isKeyed: Number(keyed) === 1,
  }))
}

/** Which state a catalogue is in: equal for one and its copy. */
export function stateOf(database: DatabaseSync): string {
  const { id } = database.prepare('SELECT id FROM catalogue').get() ?? {}
  return `${id} ${pointsOf(database).at(-1)?.seq ?? 0}`
}

/** What is to be done to a catalogue, and to its copy in the same way. */
export interface Change {
  archive: CataloguedArchive
  /** The file of a `Night`; without one the archive consists of the same segments as the newest one. */
  night?: string
  /** Names of points whose archives are not there any more. */
  lost: readonly number[]
}

/** Adds an archive to a catalogue, in one transaction. @throws {Error} It has not changed then. */
export function bringUp(database: DatabaseSync, { archive, night, lost }: Change): void {
  if (night) {
    database.prepare('ATTACH ? AS night').run(night)
    // Or a commit would have to be one of both files.
    database.exec('PRAGMA night.journal_mode = OFF; PRAGMA night.synchronous = OFF')
  }
  try {
    database.exec('BEGIN IMMEDIATE')
    const newest = pointsOf(database).at(-1)
    const seq = (newest?.seq ?? 0) + 1
    const entries = (newest?.entries ?? 0) + (night ? applyNight(database, seq) : 0)
    const { file, name, at, sizeBytes, isKeyed } = archive
    database
      .prepare('INSERT INTO point VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(seq, archive.archive, file, name, Math.round(at), sizeBytes, entries, isKeyed ? 1 : 0)
    for (const one of lost) forget(database, one)
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  } finally {
    if (night) database.exec('DETACH night')
  }
}

/** @returns By how many entries the new archive is larger. */
function applyNight(database: DatabaseSync, seq: number): number {
  const base = Number(database.prepare('SELECT coalesce(max(id), 0) AS id FROM member').get()?.id)
  for (const step of nightSteps) {
    const parameters = { ':seq': seq, ':base': base }
    const used = Object.entries(parameters).filter(([name]) => step.includes(name))
    if (used.length === 0) database.exec(step)
    else database.prepare(step).run(Object.fromEntries(used))
  }
  const total = (where: string, value: number) =>
    Number(database.prepare(`SELECT total(entries) AS n FROM segment WHERE ${where}`).get(value)?.n)
  return total('id > ?', base) - total('last = ?', seq - 1)
}

/** Removes a point, and the segments that were in no other one. */
function forget(database: DatabaseSync, seq: number): void {
  const seqs = pointsOf(database).map((point) => point.seq)
  const before = seqs.findLast((one) => one < seq) ?? 0
  const after = seqs.find((one) => one > seq) ?? Number.MAX_SAFE_INTEGER
  const only = 'last >= :seq AND last < :after AND first > :before AND first <= :seq'
  const range = { ':before': before, ':seq': seq, ':after': after }
  database
    .prepare(
      `DELETE FROM member WHERE id IN (
         SELECT member.id FROM segment JOIN member ON member.id BETWEEN segment.id AND segment.id + segment.entries - 1
         WHERE ${only})`,
    )
    .run(range)
  database.prepare(`DELETE FROM segment WHERE ${only}`).run(range)
  database.prepare('DELETE FROM point WHERE seq = ?').run(seq)
}
