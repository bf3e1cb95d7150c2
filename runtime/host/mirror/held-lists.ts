import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { namesIn } from '../names-in.ts'
import { syncFolder, writeSynced } from '../write-synced.ts'

/**
 * What each sync that is held would delete, name by name, as long as it can be released. A list is used by one run:
 * from then on it carries the run's name. Names are as in `Forecast`.
 */
export interface HeldLists {
  /** Keeps a list, in place of one of the same name. @returns Its digest. @throws The disk is full, for one. */
  keep(hold: string, names: readonly string[]): string
  /**
   * @param run It may have been used by that run itself; by any, unless given.
   * @returns undefined when it is gone, damaged, or another run has used it.
   */
  read(hold: string, digest: string | undefined, run?: string): string[] | undefined
  /** The run that has used it. */
  usedBy(hold: string): string | undefined
  /** Notes, on the disk, that a run uses it: no other can. Safe to repeat by the same run. */
  use(hold: string, run: string): void
  forget(hold: string): void
  /** Removes those that were written before a moment, in milliseconds since the epoch. */
  prune(before: number): void
}

/** What tells one list from others. */
export function digestOfNames(names: readonly string[]): string {
  return createHash('sha256').update(bytesOf(names)).digest('hex')
}

/** @param state The state directory. */
export function heldLists(state: string): HeldLists {
  const folder = join(state, 'held')
  const mine = (hold: string) =>
    namesIn(folder).filter((entry) => entry === hold || entry.startsWith(`${hold}.`))
  const userOf = (entry: string | undefined) => entry?.split('.')[1]

  return {
    keep(hold, names) {
      makeFolder(folder)
      const written = join(folder, `.new-${hold}`)
      rmSync(written, { force: true })
      writeSynced(written, 'wx', 0o600, bytesOf(names))
      for (const entry of mine(hold)) rmSync(join(folder, entry), { force: true })
      renameSync(written, join(folder, hold))
      syncFolder(folder)
      return digestOfNames(names)
    },
    read(hold, digest, run) {
      const [entry] = mine(hold)
      const user = userOf(entry)
      if (!entry || (run !== undefined && user !== undefined && user !== run)) return undefined
      try {
        const names = readFileSync(join(folder, entry), 'latin1').split('\0').slice(0, -1)
        return digestOfNames(names) === digest ? names : undefined
      } catch {
        return undefined
      }
    },
    usedBy: (hold) => mine(hold).map(userOf).find(Boolean),
    use(hold, run) {
      if (!namesIn(folder).includes(hold)) return
      renameSync(join(folder, hold), join(folder, `${hold}.${run}`))
      syncFolder(folder)
    },
    forget(hold) {
      for (const entry of mine(hold)) rmSync(join(folder, entry), { force: true })
    },
    prune(before) {
      for (const entry of namesIn(folder)) {
        const path = join(folder, entry)
        const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {}
        if (mtimeMs !== undefined && mtimeMs < before) rmSync(path, { force: true })
      }
    },
  }
}

/** Not recursive: without a state directory no list is kept. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function bytesOf(names: readonly string[]): Buffer {
  return Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1')
}
