import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  type Stats,
} from 'node:fs'
import { join } from 'node:path'
import { TerminalError } from '../../errors.ts'
import { Folder } from '../target/safe-open.ts'

/** Whom the folder of unproven files belongs to. */
export interface Ids {
  uid: number
  gid: number
}

/**
 * The folder of a host in a vault, held open. The user of the host writes in `incoming` alone, and reads in `base` and the
 * lock; all else is closed to it.
 *
 *     PATH/HOST/incoming/SHA256     what the host is sending
 *     PATH/HOST/base/SHA256         the last copy, for rsync to take from what has not changed
 *     PATH/HOST/proving/SHA256      what is being read
 *     PATH/HOST/accepted/SOURCE/…   copies
 *     PATH/HOST/record.jsonl        what was accepted, read, and removed
 */
export class HostFolder implements Disposable {
  readonly path: string
  readonly root: Folder
  readonly incoming: Folder
  readonly base: Folder
  readonly proving: Folder
  readonly accepted: Folder
  readonly #sources = new Map<string, Folder>()

  private constructor(path: string) {
    this.path = path
    this.root = Folder.existing(path)
    this.incoming = existing(this.root, 'incoming')
    this.base = existing(this.root, 'base')
    this.proving = existing(this.root, 'proving')
    this.accepted = existing(this.root, 'accepted')
  }

  /** @throws {TerminalError} It was not made. */
  static open(vault: string, host: string): HostFolder {
    try {
      return new HostFolder(join(vault, host))
    } catch (error) {
      throw new TerminalError(`the vault has no folder for ${host}: ${(error as Error).message}`, {
        hint: `on the vault: hdsync vault add-host ${host}`,
        cause: error,
      })
    }
  }

  [Symbol.dispose](): void {
    const { incoming, base, proving, accepted, root } = this
    for (const folder of [...this.#sources.values(), incoming, base, proving, accepted, root])
      folder[Symbol.dispose]()
  }

  /** The user of the host: whom `incoming` belongs to. */
  get ids(): Ids {
    const { uid, gid } = this.incoming.stat()
    return { uid, gid }
  }

  get lock(): string {
    return lockOf(this.path)
  }

  /** The folder of the copies of a source; undefined where there is none. */
  source(name: string): Folder | undefined {
    const known = this.#sources.get(name)
    if (known) return known
    const found = this.accepted.folder(name)
    if (found) this.#sources.set(name, found)
    return found
  }

  /** As `source`; it is made if it is not there. */
  makeSource(name: string): Folder {
    const known = this.source(name)
    if (known) return known
    const made = this.accepted.make(name)
    this.accepted.sync()
    this.#sources.set(name, made)
    return made
  }

  /** How this process names a copy. @param file As `SOURCE/NAME`. @returns undefined where its folder is not there. */
  at(file: string): string | undefined {
    const [source = '', name = ''] = file.split('/')
    return this.source(source)?.name(name)
  }

  /** Looks at a copy. @param file As `SOURCE/NAME`. */
  look(file: string): Stats | undefined {
    const [source = '', name = ''] = file.split('/')
    return this.source(source)?.look(name)
  }

  /** Gives the host a copy to read, under a name in `base`. What it is given cannot be written to by its user. */
  lay(file: string, name: string): void {
    const from = this.at(file)
    if (from === undefined) throw new TerminalError(`the copy ${file} is gone`)
    this.base.remove(name)
    const { uid, gid } = this.ids
    const owner = lstatSync(from).uid
    if (owner === uid) chmodSync(from, 0o400)
    else {
      chownSync(from, owner, gid)
      chmodSync(from, 0o440)
    }
    linkSync(from, this.base.name(name))
  }
}

function lockOf(path: string): string {
  return join(path, 'lock')
}

/** The lock files of which each sender holds one, whatever host it sends for. */
export function slotsOf(vault: string, concurrency: number): string[] {
  return Array.from({ length: concurrency }, (_, n) => join(vault, '.slots', String(n)))
}

/**
 * Makes the folder of a vault and its locks. Safe to repeat.
 * @param group Who may hold the locks of senders: whoever opens such a file can keep all hosts from sending. Without one, this user.
 */
export function makeVault(path: string, concurrency: number, group?: number): void {
  mkdirSync(path, { recursive: true, mode: 0o711 })
  using root = Folder.existing(path)
  // Users of hosts pass through, and list nothing.
  chmodSync(`${path}/.`, 0o711)
  using slots = root.make('.slots')
  if (group !== undefined) chownSync(slots.at, process.geteuid?.() ?? 0, group)
  chmodSync(slots.at, group === undefined ? 0o700 : 0o750)
  for (let n = 0; n < concurrency; n += 1)
    makeFile(slots, String(n), group === undefined ? 0o600 : 0o640, group)
}

/** Another host whose folder this user writes in. @returns undefined where there is none. */
export function hostOfUser(vault: string, uid: number, but: string): string | undefined {
  const found = existsSync(vault) ? readdirSync(vault, { withFileTypes: true }) : []
  return found.find((one) => one.isDirectory() && one.name !== but && uidOfHost(vault, one.name) === uid)
    ?.name
}

/** The user of a host: whose `incoming` is. @returns undefined where the vault has no folder for it. */
export function uidOfHost(vault: string, host: string): number | undefined {
  return lstatSync(join(vault, host, 'incoming'), { throwIfNoEntry: false })?.uid
}

/** Makes the folders of a host. Safe to repeat. @param ids Of its user. */
export function makeHostFolder(vault: string, host: string, { uid, gid }: Ids): void {
  using above = Folder.existing(vault)
  using root = above.make(host)
  const path = join(vault, host)
  chmodSync(path, 0o711)
  const own = process.geteuid?.() ?? 0
  for (const [name, mode, owner, group] of [
    ['incoming', 0o700, uid, gid],
    ['base', own === uid ? 0o700 : 0o750, own, gid],
    ['proving', 0o700, own, undefined],
    ['accepted', 0o700, own, undefined],
  ] as const) {
    using folder = root.make(name)
    const found = folder.stat()
    if (group !== undefined && (found.uid !== owner || found.gid !== group))
      chownSync(join(path, name), owner, group)
    chmodSync(join(path, name), mode)
  }
  makeFile(root, 'lock', own === uid ? 0o600 : 0o640, gid)
  root.sync()
  above.sync()
}

function makeFile(folder: Folder, name: string, mode: number, group?: number): void {
  if (!folder.look(name)) folder.replace(name, '', mode)
  if (group !== undefined) chownSync(folder.name(name), process.geteuid?.() ?? 0, group)
  chmodSync(folder.name(name), mode)
}

function existing(root: Folder, name: string): Folder {
  const found = root.folder(name)
  if (found) return found
  throw new TerminalError(`there is no folder ${join(root.path, name)}`)
}
