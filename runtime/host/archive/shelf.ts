import { basename, dirname } from 'node:path'
import type { Target } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { Folder } from '../target/safe-open.ts'

/**
 * The weekday folders of a target, held open while archives are written or read there: their files are named through what
 * was opened, so that no link that lies there, or comes to lie there meanwhile, is followed. To be closed before the
 * target is unmounted.
 */
export class Shelf implements Disposable {
  readonly #root: Folder
  readonly #days = new Map<string, Folder>()

  /** @throws {TerminalError} There is no such target. */
  constructor({ path }: Pick<Target, 'path'>) {
    this.#root = Folder.existing(path)
  }

  [Symbol.dispose](): void {
    for (const folder of this.#days.values()) folder[Symbol.dispose]()
    this.#root[Symbol.dispose]()
  }

  /** Makes the folder of a weekday, if it is not there. @throws {TerminalError} A link or a file is. */
  make(weekday: string): void {
    if (!this.#days.has(weekday)) this.#days.set(weekday, this.#root.make(weekday))
  }

  /** The folder of a weekday; undefined where there is none. @throws {TerminalError} A link or a file is. */
  day(weekday: string): Folder | undefined {
    const known = this.#days.get(weekday)
    if (known) return known
    const folder = this.#root.folder(weekday)
    if (folder) this.#days.set(weekday, folder)
    return folder
  }

  /**
   * How this process, and no other, names an archive.
   * @param path Where it is: in the folder of a weekday.
   * @throws {TerminalError} The folder is a link or a file, or is not one of this target.
   */
  at(path: string): string {
    const folder = dirname(path)
    if (dirname(folder) !== this.#root.path) {
      throw new TerminalError(`${path} is not in a folder of ${this.#root.path}`)
    }
    const day = this.day(basename(folder))
    // Nothing is there then: not to be opened, and not to be made.
    return day ? day.name(basename(path)) : `${this.#root.name(basename(folder))}/${basename(path)}`
  }
}
