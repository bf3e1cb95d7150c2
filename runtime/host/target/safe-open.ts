import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { TerminalError } from '../../errors.ts'
import { writeSynced } from '../write-synced.ts'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

/**
 * A folder of ours, held open. Whoever can write on a backup disk can replace a file of ours by a link, a FIFO or a device,
 * which root would follow. So files are named through the open folder, not by a path that can change meanwhile; links are
 * not followed, new files are created exclusively, and only regular files are read, up to a limit.
 * @see open(2); proc_pid_fd(5): `/proc/self/fd/N/name` stays below what was opened. Node has no openat2(2).
 */
export class Folder implements Disposable {
  /** For messages. */
  readonly path: string
  readonly #fd: number

  private constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  /**
   * Opens a target's own folder, whose path may lead over links of the administrator's.
   * @returns undefined where there is none.
   * @throws {TerminalError} It cannot be opened.
   */
  static at(path: string): Folder | undefined {
    try {
      return new Folder(path, openSync(realpathSync(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw new TerminalError(`cannot open the folder ${path}: ${(error as Error).message}`, { cause: error })
    }
  }

  /** As `at`. @throws {TerminalError} There is none. */
  static existing(path: string): Folder {
    const folder = Folder.at(path)
    if (!folder) throw new TerminalError(`there is no folder ${path}`)
    return folder
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  /** How this process, and no other, names the folder itself. */
  get at(): string {
    return `/proc/self/fd/${this.#fd}`
  }

  /** How this process, and no other, names what lies in the folder. */
  name(name: string): string {
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
      throw new TerminalError(`${JSON.stringify(name)} is no name of a file`)
    }
    return `${this.at}/${name}`
  }

  /** How a command that this process starts names what lies in the folder, as long as it is open. */
  nameForCommands(name: string): string {
    return this.name(name).replace('/self/', `/${process.pid}/`)
  }

  stat(): Stats {
    return fstatSync(this.#fd)
  }

  /** What lies there under this name, itself; undefined when nothing does. */
  look(name: string): Stats | undefined {
    return lstatSync(this.name(name), { throwIfNoEntry: false })
  }

  names(): string[] {
    return readdirSync(this.at)
  }

  /** Lets nobody but its owner in. @throws {NodeJS.ErrnoException} EPERM where that cannot be. */
  close(): void {
    fchmodSync(this.#fd, 0o700)
  }

  /** A folder in it. @returns undefined where there is none. @throws {TerminalError} Something else is there. */
  folder(name: string): Folder | undefined {
    const path = join(this.path, name)
    try {
      return new Folder(path, openSync(this.name(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw this.#notAFolder(name, error)
    }
  }

  /** A folder in it, that is made for its owner alone where there is none. @throws {TerminalError} */
  make(name: string): Folder {
    try {
      mkdirSync(this.name(name), { mode: 0o700 })
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') {
        const path = join(this.path, name)
        throw new TerminalError(`cannot make the folder ${path}: ${plainly(error, this.name(name), path)}`)
      }
    }
    const made = this.folder(name)
    if (!made) throw new TerminalError(`the folder ${join(this.path, name)} is gone`)
    return made
  }

  /**
   * The text of a small file. @returns undefined where there is none.
   * @throws {Error} It is no regular file, or larger than that: an `ErrnoException` or a plain reason.
   */
  read(name: string, mostBytes: number): string | undefined {
    let fd: number
    try {
      // Without O_NONBLOCK the open of a FIFO would wait for somebody to write to it.
      fd = openSync(this.name(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      if (codeOf(error) === 'ELOOP') throw new Error(this.#whatIsThere(name), { cause: error })
      throw new Error(plainly(error, this.name(name), join(this.path, name)), { cause: error })
    }
    try {
      const stats = fstatSync(fd)
      if (!stats.isFile()) throw new Error(this.#whatIsThere(name))
      const buffer = Buffer.alloc(Math.min(stats.size, mostBytes) + 1)
      let length = 0
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        read = readSync(fd, buffer, length, buffer.length - length, length)
      }
      if (length > mostBytes) throw new Error(`it is larger than ${mostBytes} bytes`)
      if (length === buffer.length) throw new Error('it grows while it is read')
      return buffer.toString('utf8', 0, length)
    } finally {
      closeSync(fd)
    }
  }

  /** A new file. @throws {NodeJS.ErrnoException} EEXIST: something is there, be it a link. */
  create(name: string, mode: number): Promise<FileHandle> {
    return open(this.name(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)
  }

  /** Puts a file with this text in the place of what is there: whole, or not at all. What lies there is never written to. */
  replace(name: string, text: string, mode: number): void {
    const temporary = `${name}.new`
    this.remove(temporary)
    try {
      const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
      writeSynced(this.name(temporary), flags, mode, Buffer.from(text))
      this.rename(temporary, name)
    } catch (error) {
      const path = join(this.path, name)
      throw new TerminalError(`cannot write ${path}: ${plainly(error, this.name(temporary), path)}`, {
        cause: error,
      })
    }
  }

  rename(from: string, to: string): void {
    renameSync(this.name(from), this.name(to))
    // A rename is on the disk when its folder is.
    this.sync()
  }

  /** Brings the names in it onto the disk. @see fsync(2) */
  sync(): void {
    fsyncSync(this.#fd)
  }

  /** Removes a file, a link, or whatever is no folder with something in it; nothing where there is nothing. */
  remove(name: string): void {
    try {
      if (this.look(name)?.isDirectory()) rmdirSync(this.name(name))
      else unlinkSync(this.name(name))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      const path = join(this.path, name)
      throw new TerminalError(`cannot remove ${path}: ${plainly(error, this.name(name), path)}`, {
        cause: error,
      })
    }
  }

  #notAFolder(name: string, cause: unknown): TerminalError {
    const path = join(this.path, name)
    const found = this.look(name)
    if (found?.isSymbolicLink()) {
      const leadsTo = this.#target(name)
      return new TerminalError(
        `${path} is a link to ${leadsTo}: hdsync follows no link on a target, whoever made it`,
        {
          hint: `look who made it; to keep what it leads to: rm ${path} && mv ${leadsTo} ${path}, or mount a disk there instead (\`mounts:\`)`,
          cause,
        },
      )
    }
    if (found && !found.isDirectory()) {
      return new TerminalError(`${path} is ${kindOf(found)}, not a folder`, {
        hint: `look who made it, and move it away: mv ${path} ${path}.old`,
        cause,
      })
    }
    return new TerminalError(`cannot open the folder ${path}: ${plainly(cause, this.name(name), path)}`, {
      cause,
    })
  }

  #whatIsThere(name: string): string {
    const found = this.look(name)
    if (!found) return 'it has just been taken away'
    if (found.isSymbolicLink()) return `it is a link to ${this.#target(name)}, which is not followed`
    return `it is ${kindOf(found)}, not a file`
  }

  #target(name: string): string {
    try {
      return readlinkSync(this.name(name))
    } catch {
      return 'somewhere'
    }
  }
}

/** Does something in a target's own folder. @throws {TerminalError} There is none. */
export function inFolder<T>(path: string, what: (folder: Folder) => T): T {
  using folder = Folder.existing(path)
  return what(folder)
}

function kindOf(stats: Stats): string {
  if (stats.isFile()) return 'a file'
  if (stats.isDirectory()) return 'a folder (EISDIR)'
  if (stats.isFIFO()) return 'a FIFO'
  if (stats.isSocket()) return 'a socket'
  return 'a device'
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

/** The message of an error, with the path that people know. */
function plainly(error: unknown, named: string, path: string): string {
  return (error as Error).message.replaceAll(named, path)
}
