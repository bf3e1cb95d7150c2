import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { Folder } from '../../target/safe-open.ts'
import { tables, version } from './tables.ts'

/** The folder of catalogues on the disk of archives. */
export const catalogueFolder = '.hdsync-catalogue'

/** The name of a source's catalogue there. */
export function catalogueName(source: string): string {
  return `${source}.sqlite`
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants

/** A catalogue that is open. SQLite loses its locks when anybody in this process closes the file: see fcntl_locking(2). */
export class CatalogueFile implements Disposable {
  readonly database: DatabaseSync
  readonly #pinned: number

  private constructor(database: DatabaseSync, pinned: number) {
    this.database = database
    this.#pinned = pinned
  }

  /**
   * Opens a catalogue to bring it up to date, and makes it where there is none, or where it is damaged or of another version.
   * @throws {Error} It cannot be, or something else lies there: a link, a folder, a file of somebody else's.
   */
  static open(folder: Folder, source: string): CatalogueFile {
    const name = catalogueName(source)
    if (!folder.look(name))
      closeSync(openSync(folder.name(name), O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600))
    try {
      return CatalogueFile.#open(folder, source, { readOnly: false })
    } catch (error) {
      if (!isUseless(error)) throw error
      for (const one of [`${name}-journal`, name]) folder.remove(one)
      return CatalogueFile.open(folder, source)
    }
  }

  /** Opens a catalogue to look at it. @returns undefined where there is none that can be used. */
  static read(folder: Folder, source: string): CatalogueFile | undefined {
    try {
      return CatalogueFile.#open(folder, source, { readOnly: true })
    } catch {
      return undefined
    }
  }

  [Symbol.dispose](): void {
    if (this.database.isOpen) this.database.close()
    closeSync(this.#pinned)
  }

  static #open(folder: Folder, source: string, { readOnly }: { readOnly: boolean }): CatalogueFile {
    const name = catalogueName(source)
    const pinned = openSync(folder.name(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    let database: DatabaseSync | undefined
    try {
      expectOurs(folder, pinned, name)
      const path = readlinkSync(`/proc/self/fd/${pinned}`)
      database = new DatabaseSync(readOnly ? readOnlyUrl(path) : path, { readOnly })
      expectSameFile(pinned, path)
      database.exec(readOnly ? readingPragmas : writingPragmas)
      if (!readOnly) makeTables(database, source)
      expectTables(database)
      return new CatalogueFile(database, pinned)
    } catch (error) {
      if (database?.isOpen) database.close()
      closeSync(pinned)
      throw error
    }
  }
}

/** Opens a file for what need not outlive this process, in a folder that is open to nobody else. */
export function openScratch(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE')
  return database
}

/** Says that a catalogue is to be made anew. */
class UselessCatalogueError extends Error {}

const readingPragmas = 'PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;'

/** No WAL, as it cannot be read on a disk that is mounted read-only. What is lost can be made again from the archives. */
const writingPragmas = `${readingPragmas}
  PRAGMA journal_mode = DELETE; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;`

function makeTables(database: DatabaseSync, source: string): void {
  if (database.prepare('SELECT 1 FROM sqlite_schema').get()) return
  database.exec('BEGIN IMMEDIATE')
  database.exec(tables)
  database.prepare('INSERT INTO catalogue VALUES (lower(hex(randomblob(8))), ?)').run(source)
  database.exec('COMMIT')
}

function expectTables(database: DatabaseSync): void {
  const found = database.prepare('PRAGMA user_version').get()?.user_version
  if (found !== version) throw new UselessCatalogueError(`it is of version ${found}`)
  if (!database.prepare('SELECT id FROM catalogue').get()) throw new UselessCatalogueError('it is empty')
}

/** Whether a catalogue is damaged, or of a kind that is not known. @see https://sqlite.org/rescode.html */
export function isUseless(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode ?? 0
  return error instanceof UselessCatalogueError || [1, 11, 26].includes(code & 0xff)
}

/** Nobody else may have put it there: the folder is open to its owner alone, who is the one that runs hdsync. */
function expectOurs(folder: Folder, pinned: number, name: string): void {
  const stats = fstatSync(pinned)
  const path = join(folder.path, name)
  if (!stats.isFile() || stats.nlink !== 1) throw new Error(`${path} is no file with one name`)
}

/**
 * SQLite opens by path, and follows links on the way: whether it has opened the file that was looked at is seen by what
 * this process has open.
 */
function expectSameFile(pinned: number, path: string): void {
  const { dev, ino } = fstatSync(pinned)
  const others = readdirSync('/proc/self/fd', 'utf8').filter((fd) => Number(fd) !== pinned)
  // What was opened last has a high number as a rule: a look or two instead of one at all that is open.
  const isOpen = others
    .sort((one, other) => Number(other) - Number(one))
    .some((fd) => {
      const found = statSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false })
      return found?.dev === dev && found.ino === ino
    })
  if (!isOpen) throw new Error(`${path} has been replaced while it was opened`)
}

/** What lies on a disk that is mounted read-only changes no more, and cannot be locked. */
function readOnlyUrl(path: string): URL {
  const url = pathToFileURL(path)
  try {
    accessSync(path, constants.W_OK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EROFS') url.searchParams.set('immutable', '1')
  }
  return url
}
