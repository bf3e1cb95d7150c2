/**
 * What goes on on a server while it is backed up. Runs in the machine, by itself: `node busy.ts NAME=FOLDER=JOURNAL...`
 * until it is killed. In each folder it keeps a database, one durable transaction a row, and files that come, change
 * and go as in a mail folder. On stdout it says what is the last row at its start, `open NAME ID`, and which rows
 * have been committed: `row NAME ID TIME`. All in one process, and with pauses: the machine has one processor.
 */
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export const databaseFile = 'ledger.db'
/** Older rows are removed again, or the volume would fill. */
const rowsKept = 2000
const filesKept = 60
const pauseMs = 40

/** What a row has to hold. */
export function textOf(name: string, id: number): string {
  return createHash('sha256').update(`${name} ${id}`).digest('hex').repeat(4)
}

if (import.meta.main) {
  const writers = process.argv.slice(2).flatMap((word) => {
    const [name = '', folder = '', journal = ''] = word.split('=')
    return [rows(name, join(folder, 'db'), journal), files(join(folder, 'busy'))]
  })
  const next = () => {
    for (const write of writers) write()
    setTimeout(next, pauseMs)
  }
  next()
}

function rows(name: string, folder: string, journal: string): () => void {
  mkdirSync(folder, { recursive: true })
  const database = new DatabaseSync(join(folder, databaseFile))
  database.exec(`PRAGMA journal_mode = ${journal}; PRAGMA synchronous = EXTRA; PRAGMA wal_autocheckpoint = 50;
    CREATE TABLE IF NOT EXISTS ledger (id INTEGER PRIMARY KEY, text TEXT NOT NULL)`)
  const insert = database.prepare('INSERT INTO ledger VALUES (?, ?)')
  const prune = database.prepare('DELETE FROM ledger WHERE id <= ?')
  let id = Number(database.prepare('SELECT coalesce(max(id), 0) AS id FROM ledger').get()?.id)
  writeSync(1, `open ${name} ${id}\n`)
  return () => {
    id += 1
    database.exec('BEGIN IMMEDIATE')
    insert.run(id, textOf(name, id))
    prune.run(id - rowsKept)
    database.exec('COMMIT')
    writeSync(1, `row ${name} ${id} ${Date.now()}\n`)
  }
}

/** Written under another name, flushed now and then, renamed over an older one; some are removed. */
function files(folder: string): () => void {
  mkdirSync(folder, { recursive: true })
  let count = 0
  return () => {
    for (const slot of [count % filesKept, (count * 7) % filesKept]) {
      const file = openSync(join(folder, 'new'), 'w')
      writeSync(file, `${count} ${slot}\n`.repeat(20 + ((count * 37) % 400)))
      if (count % 4 === 0) fsyncSync(file)
      closeSync(file)
      renameSync(join(folder, 'new'), join(folder, String(slot)))
    }
    if (count % 3 === 0) rmSync(join(folder, String((count * 11) % filesKept)), { force: true })
    count += 1
  }
}
