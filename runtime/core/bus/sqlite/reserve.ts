import { randomBytes } from 'node:crypto'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Enough for the end of a run: its last steps take a few pages each. */
const reserveBytes = 2 * 1024 * 1024
/** SQLITE_FULL; SQLITE_IOERR_SHMSIZE, when there is no room even for the index of the log. */
const fullCodes = [13, 4874]

/** Whether the store could not be written because its disk is full. */
export function isFull(error: unknown): boolean {
  const { errcode, code, cause } = error as { errcode?: number; code?: string; cause?: unknown }
  if (code === 'ENOSPC' || (errcode !== undefined && fullCodes.includes(errcode))) return true
  return cause instanceof Error && isFull(cause)
}

/** Room that is held back on the disk of the state directory, so that a full disk does not keep a run from ending. */
export class Reserve {
  readonly #file: string

  constructor(directory: string) {
    this.#file = join(directory, 'reserve')
  }

  /** Takes the room if it is not taken yet. Random bytes, as zeros may take none. */
  fill(): void {
    try {
      if (statSync(this.#file, { throwIfNoEntry: false })?.size === reserveBytes) return
      writeFileSync(this.#file, randomBytes(reserveBytes), { mode: 0o600, flush: true })
    } catch {
      // There is no room even now: what remains is better left to the store.
      rmSync(this.#file, { force: true })
    }
  }

  /** Gives the room back. @returns Whether there was any. */
  release(): boolean {
    if (!statSync(this.#file, { throwIfNoEntry: false })) return false
    rmSync(this.#file, { force: true })
    return true
  }
}
