import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { TerminalError } from '../../errors.ts'
import { OpenFolder } from '../points/open-folder.ts'
import type { RestorePoint } from '../points/restore-point.ts'
import { writeSynced } from '../write-synced.ts'
import { type Action, actionOf, type StoredAction, storedAction } from './action.ts'
import type { OwnerMap, Owners } from './owner-map.ts'

/** Where what a restore replaces and deletes is kept, at the top of the folder that is restored to. Left out of backups. */
export const undoFolderName = '.hdsync-undo'

/**
 * How far a restore has come. `prepared`: nothing of the folder was touched. `placing`: each path has what it had or what it
 * gets. `done`. `undone`: everything was taken back by the restore `by`.
 */
export type RestoreStage = 'prepared' | 'placing' | 'done' | 'undone'

/** What is written down of a restore, beside its actions. */
export interface RestoreRecord {
  id: string
  /** Where things come from: a restore point, or what another restore in the same folder has set aside. */
  from: { point: RestorePoint } | { restore: string }
  source: string
  /** Milliseconds since the epoch. */
  startedAt: number
  stage: RestoreStage
  /** What was asked for, in base64. */
  asked?: string[]
  /** What is unpacked, in base64; more may be than is put in place. */
  unpack: string[]
  /** Folders that are unpacked without what is in them. */
  unpackAlone: string[]
  /** What of it is left out, in base64. */
  leaveOut: string[]
  owners: Owners
  /** With `names`: owners that get other numbers here. */
  ownerMap?: OwnerMap
  /** What is unpacked takes so much, where that is known. */
  roomBytes?: number
  /** Whether nothing was there before: then nothing is kept. */
  isNew: boolean
  /** When the folder itself was modified before, in nanoseconds since the epoch. */
  rootTimeNs: string
}

const recordFile = Buffer.from('restore.json')
const actionsFile = Buffer.from('actions.json')

/**
 * The folder of one restore, `.hdsync-undo/ID`, for root alone: `new` has what is to be put in its place, `old` what was
 * there, `folders-new` and `folders-old` folders with the attributes that folders get and had.
 */
export class UndoFolder implements Disposable {
  readonly root: OpenFolder
  readonly folder: OpenFolder

  private constructor(root: OpenFolder, folder: OpenFolder) {
    this.root = root
    this.folder = folder
  }

  /** Makes one, on the file system of the folder that is restored to. @throws {TerminalError} It cannot be made. */
  static create(root: string, record: RestoreRecord, actions: readonly Action[]): UndoFolder {
    const top = OpenFolder.toWrite(root)
    try {
      using all = ensure(top, undoFolderName)
      mkdirSync(all.at(Buffer.from(record.id)), { mode: 0o700 })
      const made = new UndoFolder(top, all.folder(Buffer.from(record.id)))
      for (const name of ['new', 'old', 'folders-new', 'folders-old'])
        ensure(made.folder, name)[Symbol.dispose]()
      made.#write(actionsFile, actions.map(storedAction))
      made.#write(recordFile, record)
      all.sync()
      return made
    } catch (error) {
      top[Symbol.dispose]()
      throw new TerminalError(
        `cannot make ${root}/${undoFolderName}/${record.id}: ${(error as Error).message}`,
      )
    }
  }

  /** @throws {TerminalError} There is none, or it is not whole. */
  static open(root: string, id: string): UndoFolder {
    const top = OpenFolder.toWrite(root)
    try {
      using all = top.folder(Buffer.from(undoFolderName))
      return new UndoFolder(top, all.folder(Buffer.from(id)))
    } catch (error) {
      top[Symbol.dispose]()
      throw new TerminalError(`there is no restore ${id} in ${root}/${undoFolderName}`, { cause: error })
    }
  }

  /** What stands in a folder that was restored to, the newest first; what is torn is left out. */
  static list(root: string): RestoreRecord[] {
    try {
      using top = OpenFolder.toWrite(root)
      using all = top.folder(Buffer.from(undoFolderName))
      const records = readdirSync(all.self).flatMap((id) => {
        try {
          using folder = all.folder(Buffer.from(id))
          return [JSON.parse(readFileSync(folder.at(recordFile), 'utf8')) as RestoreRecord]
        } catch {
          return []
        }
      })
      return records.sort((one, other) => other.startedAt - one.startedAt)
    } catch {
      return []
    }
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]()
    this.root[Symbol.dispose]()
  }

  get record(): RestoreRecord {
    return this.#read(recordFile) as RestoreRecord
  }

  get actions(): Action[] {
    return (this.#read(actionsFile) as StoredAction[]).map(actionOf)
  }

  /** Notes how far it has come, on the disk. */
  enter(stage: RestoreStage): void {
    this.#write(recordFile, { ...this.record, stage })
  }

  /** A folder in it: `new`, `old`, `folders-new` or `folders-old`. */
  part(name: string): OpenFolder {
    return this.folder.folder(Buffer.from(name))
  }

  /** Empties one of them. */
  clear(name: string): void {
    rmSync(this.folder.at(Buffer.from(name)), { recursive: true, force: true })
    ensure(this.folder, name)[Symbol.dispose]()
  }

  /** Removes all of it, with what was kept. */
  remove(): void {
    using all = this.root.folder(Buffer.from(undoFolderName))
    rmSync(all.at(Buffer.from(this.folder.path.split('/').at(-1) ?? '')), { recursive: true, force: true })
  }

  #read(name: Buffer): unknown {
    return JSON.parse(readFileSync(this.folder.at(name), 'utf8'))
  }

  /** Whole or not at all. */
  #write(name: Buffer, content: unknown): void {
    const temporary = this.folder.at(Buffer.concat([name, Buffer.from('.new')]))
    writeSynced(temporary, 'w', 0o600, Buffer.from(`${JSON.stringify(content)}\n`))
    renameSync(temporary, this.folder.at(name))
    this.folder.sync()
  }
}

function ensure(parent: OpenFolder, name: string): OpenFolder {
  const bytes = Buffer.from(name)
  try {
    mkdirSync(parent.at(bytes), { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return parent.folder(bytes)
}
