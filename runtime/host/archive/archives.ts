import { statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Target } from '../../config/config.ts'
import { reasonOf } from '../../errors.ts'
import { isoOf } from '../../instant.ts'
import type { Progress } from '../../progress.ts'
import { weekdays } from '../../weekday.ts'
import type { Boots } from '../boots.ts'
import type { CommandRunner } from '../command/command.ts'
import { damagedFiles, noteDamage, noteGood, readLedger } from '../proof/ledger.ts'
import { archiveFile } from './archive-file.ts'
import { type Archived, type ArchivePlan, isRemoved, isTemporary } from './archive-place.ts'
import { reuseArchive } from './archive-reuse.ts'
import { writeArchive } from './archive-writing.ts'
import { Catalogues } from './catalogue/catalogues.ts'
import type { EarlierArchive } from './earlier-archive.ts'
import {
  isNight,
  keepArchive,
  type Removable,
  removeArchives,
  type StandingArchive,
  standingArchives,
} from './kept.ts'
import { ArchiveIndexes } from './pieces/pieces.ts'
import { keptFolder, Shelf } from './shelf.ts'

/** An archive that is not what was written. */
export type Unsound = Removable

/** Archives of mirrors: those of the weekdays, and those that are kept longer. */
export interface Archives {
  /**
   * Removes what archives that were never finished have left on a target. No archive needs that: what cannot be removed
   * stays.
   * @returns What is in the way, for people to read.
   */
  tidy(target: Target): Promise<string[]>
  /** Whether the file of one of them is still there, as it was when it was proven to be good. It is not read. */
  stand(earlier: readonly EarlierArchive[]): Promise<boolean>
  /**
   * Puts an earlier archive in the place of last week's, if one holds what a new one would: it is read from the disk
   * and compared with what it was when it was written, then shares its blocks with the new one (a reflink), or the
   * file itself (a hard link) where the file system has none. Where it is in its place already, it stays there.
   * @param earlier What is known not to have changed since, the newest first.
   * @returns No archive where there is none that can be used; `damaged` says what is wrong with those that should be
   *   good, `warnings` what else has gone wrong that leaves the archive good.
   */
  reuse(
    plan: ArchivePlan,
    earlier: readonly EarlierArchive[],
    onProgress: (progress: Progress) => void,
  ): Promise<{ archive?: Archived; damaged: string[]; unsound?: Unsound[]; warnings?: string[] }>
  /**
   * Writes an archive under a temporary name, brings it onto the disk, reads it from there, and only then puts it
   * in the place of last week's. What has not changed since an earlier archive of this week is taken from that one.
   * @param proveAgain Called where it had to wait for another archive: in these hours, disks may have come and gone.
   * @returns `damaged` says what is wrong with an earlier archive that should be good; nothing was taken from it then.
   * @throws {TerminalError} It could not be written, or is not what was written; last week's stands.
   */
  write(
    plan: ArchivePlan,
    onProgress: (progress: Progress) => void,
    proveAgain?: () => Promise<void>,
  ): Promise<{ archive: Archived; damaged: string[]; unsound?: Unsound[]; warnings?: string[] }>
  /** See `standingArchives`. */
  standing(target: Target, source: string): Promise<StandingArchive[]>
  /** See `keepArchive`. */
  keep(target: Target, path: string, night: string): ReturnType<typeof keepArchive>
  /** See `removeArchives`. */
  remove(target: Target, archives: readonly Removable[]): ReturnType<typeof removeArchives>
  /** The room on the disk of a target, in bytes. */
  room(target: Target): Promise<{ freeBytes: number; totalBytes: number }>
}

export interface ArchivesOptions {
  runner: CommandRunner
  signal: AbortSignal
  boots: Boots
  /** Where the indexes of archives and the copies of catalogues are kept. */
  stateDirectory: string
  /** Milliseconds since the epoch. */
  now?: () => number
}

export function createArchives({ boots, now = Date.now, ...options }: ArchivesOptions): Archives {
  const { runner, signal, stateDirectory } = options
  const indexes = new ArchiveIndexes(join(stateDirectory, 'archives'), boots, now)
  const catalogues = new Catalogues({ runner, stateDirectory })
  return {
    async tidy(target) {
      const problems: string[] = []
      using shelf = new Shelf(target)
      for (const weekday of weekdays)
        problems.push(...(await tidyFolder(join(target.path, weekday), shelf, weekday)))
      problems.push(...(await tidyKept(target, shelf)))
      return problems
    },
    async stand(earlier) {
      for (const { path, file, sizeBytes } of earlier) {
        const found = await archiveFile(path)
        if (found?.file === file && found.sizeBytes === sizeBytes) return true
      }
      return false
    },
    async reuse(plan, earlier, onProgress) {
      const damaged = damagedFiles(readLedger(plan.to.path, plan.source))
      const sound = earlier.filter(({ file }) => !damaged.has(file))
      const found = await reuseArchive(plan, sound, onProgress, { runner, signal, indexes, catalogues, now })
      return withProof(plan, found, now())
    },
    async write(plan, onProgress, proveAgain = async () => {}) {
      const options = { runner, signal, indexes, catalogues, now, proveAgain }
      return withProof(plan, await writeArchive(plan, onProgress, options), now())
    },
    standing: standingArchives,
    keep: (target, path, night) => keepArchive(target, path, night, { runner, signal }),
    remove: removeArchives,
    async room({ path }) {
      const { bavail, bsize, blocks } = await statfs(path)
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
    },
  }
}

/** Notes beside an archive what it has to read back as. No archive needs that: what goes wrong is told. */
async function withProof<
  T extends { archive?: Archived; pieces?: readonly string[]; unsound?: Unsound[]; warnings?: string[] },
>({ to, source }: ArchivePlan, found: T, now: number): Promise<T> {
  const at = isoOf(now)
  try {
    for (const { file } of found.unsound ?? []) {
      noteDamage(to.path, source, file, { at, reason: 'it does not read back as it was written' })
    }
    if (!found.archive) return found
    const { file, sizeBytes, sha256 } = found.archive
    const standing = await standingArchives(to, source)
    const { pieces = [] } = found
    const proof = { file, sizeBytes, sha256, provenAt: at, ...(pieces.length > 0 && { pieces: [...pieces] }) }
    noteGood(
      to.path,
      source,
      proof,
      standing.map((one) => one.file),
    )
    return found
  } catch (error) {
    const problem = `what ${source} has of archives could not be noted on target ${to.name}: ${reasonOf(error)}`
    return { ...found, warnings: [...(found.warnings ?? []), problem] }
  }
}

/** What a crash has left in the folders of the nights. */
async function tidyKept(target: Target, shelf: Shelf): Promise<string[]> {
  const problems: string[] = []
  try {
    for (const night of shelf.day(keptFolder)?.names().filter(isNight) ?? []) {
      const folder = `${keptFolder}/${night}`
      problems.push(...(await tidyFolder(join(target.path, folder), shelf, folder)))
      shelf.removeEmpty(folder)
    }
  } catch (error) {
    problems.push(`${join(target.path, keptFolder)} cannot be looked through: ${reasonOf(error)}`)
  }
  return problems
}

async function tidyFolder(folder: string, shelf: Shelf, weekday: string): Promise<string[]> {
  const problems: string[] = []
  try {
    for (const name of shelf.day(weekday)?.names() ?? []) {
      if (!isTemporary(name) && !isRemoved(name)) continue
      const path = join(folder, name)
      // Never what lies in a folder, and never what a link leads to.
      await unlink(shelf.at(path)).catch((error) => problems.push(inTheWay(path, error)))
    }
  } catch (error) {
    problems.push(`${folder} cannot be looked through for half-written archives: ${reasonOf(error)}`)
  }
  return problems
}

function inTheWay(path: string, error: NodeJS.ErrnoException): string {
  const what = `${path} is named like a half-written archive`
  return error.code === 'EISDIR'
    ? `${what}, but is a folder: move it away, hdsync removes none`
    : `${what}, and cannot be removed: ${reasonOf(error)}`
}
