import { basename, dirname, join } from 'node:path'
import type { Target } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { Folder } from '../target/safe-open.ts'

/** The folder of the archives that are kept longer than a week; in it is one folder for each night. */
export const keptFolder = 'kept'

/**
 * The folders of archives of a target, held open while archives are written or read there: `Tuesday`, `kept/2026-11-22`.
 * Their files are named through what was opened, so that no link that lies there, or comes to lie there meanwhile, is
 * followed. To be closed before the target is unmounted.
 */
export class Shelf implements Disposable {
  readonly #root: Folder
  readonly #open = new Map<string, Folder>()

  /** @throws {TerminalError} There is no such target. */
  constructor({ path }: Pick<Target, 'path'>) {
    this.#root = Folder.existing(path)
  }

  [Symbol.dispose](): void {
    for (const folder of this.#open.values()) folder[Symbol.dispose]()
    this.#root[Symbol.dispose]()
  }

  /** Makes a folder, and the one that it is in, if it is not there. @throws {TerminalError} A link or a file is. */
  make(folder: string): Folder {
    const known = this.#open.get(folder)
    if (known) return known
    const above = this.#above(folder) === '' ? this.#root : this.make(this.#above(folder))
    const isNew = above.look(basename(folder)) === undefined
    const made = above.make(basename(folder))
    if (isNew) above.sync()
    this.#open.set(folder, made)
    return made
  }

  /** A folder of archives; undefined where there is none. @throws {TerminalError} A link or a file is. */
  day(folder: string): Folder | undefined {
    const known = this.#open.get(folder)
    if (known) return known
    const above = this.#above(folder) === '' ? this.#root : this.day(this.#above(folder))
    const found = above?.folder(basename(folder))
    if (found) this.#open.set(folder, found)
    return found
  }

  /** Removes a folder if nothing is in it. */
  removeEmpty(folder: string): void {
    const open = this.day(folder)
    if (!open || open.names().length > 0) return
    const above = this.#above(folder) === '' ? this.#root : this.day(this.#above(folder))
    above?.remove(basename(folder))
    this.#open.delete(folder)
    open[Symbol.dispose]()
  }

  /**
   * How this process, and no other, names an archive.
   * @param path Where it is: in one of these folders.
   * @throws {TerminalError} The folder is a link or a file, or is not one of this target.
   */
  at(path: string): string {
    const folder = this.folderOf(path)
    const day = this.day(folder)
    if (day) return day.name(basename(path))
    // Nothing is there then: not to be opened, and not to be made.
    return `${this.#root.name(folder.split('/', 1).join())}/${basename(folder)}/${basename(path)}`
  }

  /** How a command that this process starts names an archive that is there. @throws {TerminalError} Its folder is gone. */
  forCommands(path: string): string {
    const day = this.day(this.folderOf(path))
    if (!day) throw new TerminalError(`there is no folder ${dirname(path)}`)
    return day.nameForCommands(basename(path))
  }

  /** The folder of an archive, as it is named here. @throws {TerminalError} It is not one of this target. */
  folderOf(path: string): string {
    const folder = dirname(path)
    if (dirname(folder) === this.#root.path) return basename(folder)
    const isKept = dirname(folder) === join(this.#root.path, keptFolder)
    if (isKept) return `${keptFolder}/${basename(folder)}`
    throw new TerminalError(`${path} is not in a folder of ${this.#root.path}`)
  }

  #above(folder: string): string {
    const above = dirname(folder)
    return above === '.' ? '' : above
  }
}
