import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { TerminalError } from '../../errors.ts'
import { Problem } from '../problem.ts'

/** How long a client may take to make its link, and how long what it has proven holds after it was last used. */
const toProveMs = 60_000
const provenMs = 3_600_000
/** Names that nobody has proven anything with; the oldest go first, so that nobody can keep others out. */
const mostAsked = 1000
/** Of one user; the oldest ones go first. */
const mostProven = 50

/**
 * Tells which user is at the other end of a unix socket, which Node cannot ask the kernel for. The client is given a name
 * that nobody can guess, and makes a symbolic link of that name, to that name, in a folder in which a group may make some and
 * nobody may list or move those of others: whose it is, is told by the kernel. From then on the name is a password. A link
 * cannot be mounted over, as a folder can by FUSE, and one of somebody else's that was there before leads elsewhere.
 * @see unix(7), SO_PEERCRED; HTCondor calls this FS authentication.
 */
export class Peers {
  readonly #folder: string
  /** Where links are looked at: not in the folder, where somebody could be first to make it. */
  readonly #taken: string
  readonly #socket: string
  readonly #clock: Pick<Clock, 'now'>
  readonly #asked = new Map<string, number>()
  readonly #proven = new Map<string, { uid: number; until: number }>()

  /**
   * @param folder Made when it is needed, and another one beside it; only root can write to the one that they are in.
   * @param socket Its group may prove who they are.
   */
  constructor(folder: string, socket: string, clock: Pick<Clock, 'now'>) {
    this.#folder = folder
    this.#taken = `${folder}.taken`
    this.#socket = socket
    this.#clock = clock
  }

  /** @throws {TerminalError} Its folder is somebody else's. */
  challenge(): { folder: string; name: string } {
    this.#forgetOld()
    for (const [oldest] of this.#asked) {
      if (this.#asked.size < mostAsked) break
      this.#forget(oldest)
    }
    makeFolder(this.#taken, 0o700)
    makeFolder(this.#folder, stickyMode, lstatSync(this.#socket).gid)
    const name = randomBytes(20).toString('hex')
    this.#asked.set(name, this.#clock.now() + toProveMs)
    return { folder: this.#folder, name }
  }

  /**
   * The user who has made the link of a name.
   * @throws {Problem} There is none, or it is root's: root has another socket, over which it may do everything.
   */
  uidOf(name: string | undefined): number {
    this.#forgetOld()
    const known = this.#proven.get(name ?? '')
    if (known) {
      known.until = this.#clock.now() + provenMs
      return known.uid
    }
    if (name === undefined || !this.#asked.delete(name)) throw unproven('ask for a name first: POST /peer')
    const uid = this.#ownerOf(name)
    if (uid === undefined) throw unproven(`there is no link from ${join(this.#folder, name)} to ${name}`)
    if (uid === 0) throw unproven('root asks over the other socket')
    const others = [...this.#proven].filter(([, one]) => one.uid === uid)
    for (const [oldest] of others.slice(0, Math.max(0, 1 + others.length - mostProven)))
      this.#proven.delete(oldest)
    this.#proven.set(name, { uid, until: this.#clock.now() + provenMs })
    return uid
  }

  /** Whose link it is, which nobody can change any more where it is looked at. */
  #ownerOf(name: string): number | undefined {
    const taken = join(this.#taken, name)
    try {
      renameSync(join(this.#folder, name), taken)
      return readlinkSync(taken) === name ? lstatSync(taken).uid : undefined
    } catch {
      return undefined
    } finally {
      remove(taken)
    }
  }

  #forgetOld(): void {
    const now = this.#clock.now()
    for (const [name, until] of this.#asked) if (until <= now) this.#forget(name)
    for (const [name, { until }] of this.#proven) if (until <= now) this.#proven.delete(name)
  }

  #forget(name: string): void {
    this.#asked.delete(name)
    remove(join(this.#folder, name))
  }
}

/** Its group may make something in it; who did not make it neither lists, renames nor removes it. */
const stickyMode = 0o1730

/** @throws {TerminalError} What is there is no folder, or it belongs to somebody else. */
function makeFolder(path: string, mode: number, group?: number): void {
  if (!lstatSync(path, { throwIfNoEntry: false })) mkdirSync(path, { mode: 0o700 })
  const found = lstatSync(path)
  if (!found.isDirectory() || found.uid !== process.geteuid?.())
    throw new TerminalError(`${path} is no folder of the user of hdsync`)
  if (group !== undefined && found.gid !== group) chownSync(path, found.uid, group)
  if ((found.mode & 0o7777) !== mode) chmodSync(path, mode)
}

function remove(path: string): void {
  for (const drop of [unlinkSync, rmdirSync]) {
    try {
      drop(path)
    } catch {
      // It was never made; or it is a folder, which nobody has asked for.
    }
  }
}

function unproven(detail: string): Problem {
  return new Problem('unauthorized', detail)
}
