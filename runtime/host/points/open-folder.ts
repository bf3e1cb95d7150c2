import { closeSync, constants, fsyncSync, lstatSync, openSync, readlinkSync, realpathSync } from 'node:fs'
import { TerminalError } from '../../errors.ts'
import { machineRoot } from '../command/environment.ts'

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants

/**
 * A folder that is held open, in which everything is named by bytes and through the folder that was opened: no link that
 * lies there, or comes to lie there meanwhile, leads elsewhere.
 * @see proc_pid_fd(5): `/proc/self/fd/N/name` stays below what was opened.
 */
export class OpenFolder implements Disposable {
  /** For messages. */
  readonly path: string
  readonly #fd: number

  private constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  /**
   * Opens a folder whose own path may lead over links.
   * @throws {TerminalError} There is none, or this user may not open it.
   */
  static at(path: string): OpenFolder {
    return OpenFolder.#open(path, '')
  }

  /** The same, to write there: also what a sandbox shows read-only to this process. */
  static toWrite(path: string): OpenFolder {
    return OpenFolder.#open(path, machineRoot())
  }

  static #open(path: string, root: string): OpenFolder {
    try {
      return new OpenFolder(path, openSync(root + realpathSync(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    } catch (error) {
      throw new TerminalError(`cannot open the folder ${path}: ${(error as Error).message}`, { cause: error })
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  /** How this process, and no other, names what lies in the folder. @throws {TerminalError} That is no name. */
  at(name: Buffer): Buffer {
    if (
      name.length === 0 ||
      name.includes(0) ||
      name.includes('/') ||
      ['.', '..'].includes(name.toString())
    ) {
      throw new TerminalError(`${JSON.stringify(name.toString())} is no name of a file`)
    }
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.#fd}/`), name])
  }

  /** How this process names the folder itself. */
  get self(): string {
    return `/proc/self/fd/${this.#fd}`
  }

  /** How commands that this process starts name the folder, as long as it is open. */
  get forCommands(): string {
    return `/proc/${process.pid}/fd/${this.#fd}`
  }

  /** Opens a folder in it. @throws {TerminalError} There is none: nothing, a link or a file is in its place. */
  folder(name: Buffer): OpenFolder {
    const path = `${this.path}/${name}`
    const named = this.at(name)
    try {
      return new OpenFolder(path, openSync(named, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    } catch (error) {
      throw new TerminalError(`${path} ${whyNot(named, error)}`, { cause: error })
    }
  }

  /**
   * Opens the folder that holds an entry, name by name.
   * @param path Of the entry, not empty.
   * @throws {TerminalError} As `folder`.
   */
  parentOf(path: Buffer): OpenFolder {
    const slash = path.lastIndexOf('/')
    return this.descend(slash < 0 ? Buffer.alloc(0) : path.subarray(0, slash))
  }

  /** Opens the folder at a path below it, name by name; an empty path is this one. @throws {TerminalError} As `folder`. */
  descend(path: Buffer): OpenFolder {
    let here = new OpenFolder(this.path, openSync(this.self, O_RDONLY | O_DIRECTORY))
    for (const name of namesOf(path)) {
      using above = here
      here = above.folder(name)
    }
    return here
  }

  /** Brings the names in it onto the disk. @see fsync(2) */
  sync(): void {
    fsyncSync(this.#fd)
  }
}

/** The names on the way to an entry. */
export function namesOf(path: Buffer): Buffer[] {
  const names: Buffer[] = []
  for (let from = 0; from < path.length; ) {
    const slash = path.indexOf('/', from)
    const end = slash < 0 ? path.length : slash
    names.push(path.subarray(from, end))
    from = end + 1
  }
  return names
}

/** The last of them. */
export function nameOf(path: Buffer): Buffer {
  return path.subarray(path.lastIndexOf('/') + 1)
}

/** An entry in a folder, in bytes of its own. @param name Empty for the folder itself. */
export function joinPath(folder: Buffer, name: Buffer): Buffer {
  if (folder.length === 0) return Buffer.from(name)
  return name.length === 0 ? folder : Buffer.concat([folder, Buffer.from('/'), name])
}

/** The folder that an entry is in, each byte a character; empty for the top. */
export function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')))
}

function whyNot(named: Buffer, error: unknown): string {
  try {
    const found = lstatSync(named)
    if (found.isSymbolicLink()) return `is a link to ${readlinkSync(named)}, which is not followed`
    if (!found.isDirectory()) return 'is not a folder'
    return `cannot be opened: ${(error as NodeJS.ErrnoException).code}`
  } catch {
    return 'does not exist'
  }
}
