import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, lstatSync, mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { TerminalError } from '../../errors.ts'
import { Problem } from '../problem.ts'

/** How long a client may take to make its folder, and how long what it has proven holds after it was last used. */
const toProveMs = 60_000
const provenMs = 3_600_000
const mostAsked = 1000
/** Of one user; the oldest ones go first. */
const mostProven = 50

/**
 * Tells which user is at the other end of a unix socket, which Node cannot ask the kernel for. The client is given a name
 * that nobody can guess, and makes a folder of that name in a folder in which a group may make some and nobody may list or
 * move those of others: whose it is, is told by the kernel. From then on the name is a password.
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
    const name = randomBytes(20).toString('hex')
    this.#asked.set(name, this.#clock.now() + toProveMs)
    return { folder: this.#folder, name }
  }

  /**
   * The user who has made the folder of a name.
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
    const path = join(this.#folder, name)
    const found = lstatSync(path, { throwIfNoEntry: false })
    // Others could have moved one that they may write to.
    if (!found?.isDirectory() || (found.mode & 0o077) !== 0)
      throw unproven(`there is no folder ${path} of mode 0700`)
    removeIfEmpty(path)
    if (found.uid === 0) throw unproven('root asks over the other socket')
    const others = [...this.#proven].filter(([, { uid }]) => uid === found.uid)
    for (const [oldest] of others.slice(0, Math.max(0, 1 + others.length - mostProven)))
      this.#proven.delete(oldest)
    this.#proven.set(name, { uid: found.uid, until: this.#clock.now() + provenMs })
    return found.uid
  }

  #forgetOld(): void {
    const now = this.#clock.now()
    for (const [name, until] of this.#asked) {
      if (until > now) continue
      this.#asked.delete(name)
      removeIfEmpty(join(this.#folder, name))
    }
    for (const [name, { until }] of this.#proven) if (until <= now) this.#proven.delete(name)
  }
}

/** Its group may make something in it; who did not make it neither lists, renames nor removes it. */
const stickyMode = 0o1730

function makeSticky(path: string, group: number): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { uid, gid, mode } = lstatSync(path)
  if (uid !== process.geteuid?.()) throw new TerminalError(`${path} does not belong to the user of hdsync`)
  if (gid !== group) chownSync(path, uid, group)
  if ((mode & 0o7777) !== stickyMode) chmodSync(path, stickyMode)
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path)
  } catch {
    // It was never made, or its owner has put something into it.
  }
}

function unproven(detail: string): Problem {
  return new Problem('unauthorized', detail)
}
