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
  readonly #socket: string
  readonly #clock: Pick<Clock, 'now'>
  readonly #asked = new Map<string, number>()
  readonly #proven = new Map<string, { uid: number; until: number }>()

  /**
   * @param folder Made when it is needed; only root can write to the one that it is in.
   * @param socket Its group may prove who they are.
   */
  constructor(folder: string, socket: string, clock: Pick<Clock, 'now'>) {
    this.#folder = folder
    this.#socket = socket
    this.#clock = clock
  }

  /** @throws {Problem} Too many are under way. @throws {TerminalError} Its folder is somebody else's. */
  challenge(): { folder: string; name: string } {
    this.#forgetOld()
    if (this.#asked.size >= mostAsked) throw new Problem('busy', 'too many users ask at once')
    makeSticky(this.#folder, lstatSync(this.#socket).gid)
    mkdirSync(join(this.#folder, takenFolder), { recursive: true, mode: 0o700 })
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
    const taken = join(this.#folder, takenFolder, name)
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
    for (const [name, until] of this.#asked) {
      if (until > now) continue
      this.#asked.delete(name)
      remove(join(this.#folder, name))
    }
    for (const [name, { until }] of this.#proven) if (until <= now) this.#proven.delete(name)
  }
}

const takenFolder = 'taken'

/** Its group may make something in it; who did not make it neither lists, renames nor removes it. */
const stickyMode = 0o1730

function makeSticky(path: string, group: number): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { uid, gid, mode } = lstatSync(path)
  if (uid !== process.geteuid?.()) throw new TerminalError(`${path} does not belong to the user of hdsync`)
  if (gid !== group) chownSync(path, uid, group)
  if ((mode & 0o7777) !== stickyMode) chmodSync(path, stickyMode)
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
