import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Target } from '../config/config.ts'
import type { EarlierArchive, Progress } from '../function.ts'
import { weekdays } from '../weekday.ts'
import { ArchiveIndexes } from './archive-indexes.ts'
import { type Archived, type ArchivePlan, isTemporary } from './archive-place.ts'
import { reuseArchive } from './archive-reuse.ts'
import { writeArchive } from './archive-writing.ts'
import type { Boots } from './boots.ts'
import type { CommandRunner } from './command.ts'

/** Weekday archives of mirrors. */
export interface Archives {
  /** Removes what archives that were never finished have left on a target. */
  tidy(target: Target): Promise<void>
  /**
   * Puts an earlier archive in the place of last week's, if one holds what a new one would: it is read from the disk
   * and compared with what it was when it was written, then shares its blocks with the new one (a reflink), or the
   * file itself (a hard link) where the file system has none. Where it is in its place already, it stays there.
   * @param earlier What is known not to have changed since, the newest first.
   * @returns No archive where there is none that can be used; `damaged` says what is wrong with those that should be
   *   good.
   */
  reuse(
    plan: ArchivePlan,
    earlier: readonly EarlierArchive[],
    onProgress: (progress: Progress) => void,
  ): Promise<{ archive?: Archived; damaged: string[] }>
  /**
   * Writes an archive under a temporary name, brings it onto the disk, reads it from there, and only then puts it
   * in the place of last week's. What has not changed since an earlier archive of this week is taken from that one.
   * @returns `damaged` says what is wrong with an earlier archive that should be good; nothing was taken from it then.
   * @throws {TerminalError} It could not be written, or is not what was written; last week's stands.
   */
  write(
    plan: ArchivePlan,
    onProgress: (progress: Progress) => void,
  ): Promise<{ archive: Archived; damaged: string[] }>
}

export interface ArchivesOptions {
  runner: CommandRunner
  signal: AbortSignal
  boots: Boots
  /** Where the indexes of archives are kept. */
  indexes: string
  /** Milliseconds since the epoch. */
  now?: () => number
}

export function createArchives({ boots, now = Date.now, ...options }: ArchivesOptions): Archives {
  const indexes = new ArchiveIndexes(options.indexes, boots, now)
  const { runner, signal } = options
  return {
    async tidy(target) {
      for (const weekday of weekdays) {
        const folder = join(target.path, weekday)
        for (const name of existsSync(folder) ? readdirSync(folder) : []) {
          if (isTemporary(name)) await rm(join(folder, name), { force: true })
        }
      }
    },
    reuse: (plan, earlier, onProgress) =>
      reuseArchive(plan, earlier, onProgress, { runner, signal, indexes }),
    write: (plan, onProgress) => writeArchive(plan, onProgress, { runner, signal, indexes, now }),
  }
}
