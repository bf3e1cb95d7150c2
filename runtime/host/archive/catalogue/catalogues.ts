import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { reasonOf } from '../../../errors.ts'
import type { CommandRunner } from '../../command/command.ts'
import { Folder } from '../../target/safe-open.ts'
import { archiveFile } from '../archive-file.ts'
import type { ArchivePlan } from '../archive-place.ts'
import { type ArchiveIndex, type ArchiveTail, readTailHeader } from '../pieces/pieces.ts'
import { bringUp, type CataloguedArchive, type Change, type Point, pointsOf, stateOf } from './bring-up.ts'
import { bringUpCopy, copyCatalogue, openCopyFolder } from './catalogue-copy.ts'
import { CatalogueFile, catalogueFolder, catalogueName, isUseless } from './catalogue-file.ts'
import {
  type Archived,
  type ArchiveThere,
  addFromDisk,
  archivesThere,
  fileOf,
  inOrder,
  keyedOnes,
  openArchive,
  openTags,
} from './from-archives.ts'
import { Night } from './night.ts'

/** An archive that was put in its place. */
export interface Placed {
  path: string
  file: string
  sizeBytes: number
  /** When its mirror was read, in milliseconds since the epoch. */
  at: number
}

export interface CataloguesOptions {
  runner: CommandRunner
  stateDirectory: string
}

/**
 * The catalogues of archives: one for each source beside the archives on their disk, and a copy in the state directory.
 * No backup needs them: whatever goes wrong is told, and the next archive makes it good.
 */
export class Catalogues {
  readonly #options: CataloguesOptions

  constructor(options: CataloguesOptions) {
    this.#options = options
  }

  /** Begins to collect what an archive adds. */
  begin({ source, to }: ArchivePlan, earlier: ArchiveIndex | undefined): Night {
    return new Night(this.#nightPath({ source, target: to }), source, earlier)
  }

  /**
   * Brings the catalogue up to date once an archive is in its place.
   * @param tail Where its segments lie.
   * @returns What has gone wrong, for people to read.
   */
  written(
    plan: ArchivePlan,
    placed: Placed,
    { night, tail, earlier }: { night: Night; tail: ArchiveTail; earlier: ArchiveIndex | undefined },
  ): Promise<string | undefined> {
    return this.#bringUp(plan, placed, { tail }, (catalogue, newest) => {
      const { header } = earlier ?? {}
      const isEarlier =
        newest?.isKeyed && newest.file === header?.file && newest.sizeBytes === header.sizeBytes
      if (night.problem || (night.takenSegments > 0 && !isEarlier)) return undefined
      if (night.takenSegments > 0) night.goneOfEarlier()
      else night.gone(keyedOnes(openTags(catalogue)))
      night.end()
      return night.problem ? undefined : { archive: tail.header.id, night: night.path }
    })
  }

  /** As `written`, of an archive that is an earlier one once more. @param file That one's, as `archiveFile` tells it. */
  linked(plan: ArchivePlan, placed: Placed, file: string): Promise<string | undefined> {
    return this.#bringUp(plan, placed, {}, (catalogue, newest) => {
      const known = pointsOf(catalogue.database).findLast((point) => point.file === file)
      return known && known.archive === newest?.archive ? { archive: known.archive } : undefined
    })
  }

  /**
   * Makes a catalogue anew from the archives alone.
   * @param onArchive Told of each archive before it is read, and how many there are.
   * @throws {Error} It cannot be written.
   * @returns Which archives could not be read.
   */
  async rebuild(
    of: Archived,
    onArchive: (there: ArchiveThere, of: number) => void = () => {},
  ): Promise<string[]> {
    const beside = `.${of.source}`
    const problems: string[] = []
    using folder = openFolder(of.target.path)
    folder.remove(catalogueName(beside))
    try {
      {
        using catalogue = CatalogueFile.open(folder, beside)
        const archives = await inOrder(of, archivesThere(of))
        for (const there of archives) {
          onArchive(there, archives.length)
          await addFromDisk(catalogue, of, there, this.#reading(of)).catch((error) =>
            problems.push(`${there.path} cannot be read: ${reasonOf(error)}`),
          )
        }
      }
      folder.remove(`${catalogueName(of.source)}-journal`)
      folder.rename(catalogueName(beside), catalogueName(of.source))
    } finally {
      folder.remove(catalogueName(beside))
    }
    using copies = openCopyFolder(this.#options.stateDirectory, of.target.name)
    await copyCatalogue(folder, copies, of.source)
    return problems
  }

  async #bringUp(
    plan: ArchivePlan,
    placed: Placed,
    { tail, isAgain = false }: { tail?: ArchiveTail; isAgain?: boolean },
    quickly: (
      catalogue: CatalogueFile,
      newest: Point | undefined,
    ) => { archive: string; night?: string } | undefined,
  ): Promise<string | undefined> {
    const { source, to: target, compression } = plan
    const of = { source, target }
    const name = relative(target.path, placed.path)
    try {
      using folder = openFolder(target.path)
      let before: string | undefined
      let change: Change | undefined
      {
        using catalogue = CatalogueFile.open(folder, source)
        const { database } = catalogue
        const points = pointsOf(database)
        const newest = points.at(-1)
        if (newest?.name === name && newest.file === placed.file) return undefined
        const lost = await lostOf(of, points, name)
        const quick = quickly(catalogue, newest)
        if (quick) {
          before = stateOf(database)
          const isKeyed = quick.night ? true : (newest?.isKeyed ?? false)
          const archive: CataloguedArchive = { ...quick, ...placed, name, isKeyed }
          change = { archive, lost, ...(quick.night && { night: quick.night }) }
          bringUp(database, change)
        } else await this.#catchUp(catalogue, of, { ...placed, name, compression }, { tail, lost })
      }
      using copies = openCopyFolder(this.#options.stateDirectory, target.name)
      const isCopied = before !== undefined && change && bringUpCopy(copies, source, before, change)
      if (!isCopied) await copyCatalogue(folder, copies, source)
      return undefined
    } catch (error) {
      if (isUseless(error) && !isAgain && removeCatalogue(target.path, source)) {
        return this.#bringUp(plan, placed, { ...(tail && { tail }), isAgain: true }, () => undefined)
      }
      return `the catalogue of ${source} on target ${target.name} could not be brought up to date: ${reasonOf(error)}; the next archive tries again, or: hdsync catalogue rebuild ${source}`
    }
  }

  /** Adds what has come since the newest archive that is known, and the one that was just put in its place. */
  async #catchUp(
    catalogue: CatalogueFile,
    of: Archived,
    placed: ArchiveThere,
    { tail, lost }: { tail: ArchiveTail | undefined; lost: readonly number[] },
  ): Promise<void> {
    const reading = this.#reading(of)
    for (const there of await inOrder(of, archivesThere(of))) {
      if (there.name !== placed.name && (await isMissed(catalogue, of, there)))
        await addFromDisk(catalogue, of, there, reading)
    }
    await addFromDisk(catalogue, of, placed, { ...reading, ...(tail && { tail }), lost })
  }

  #reading(of: Archived) {
    return { runner: this.#options.runner, nightPath: this.#nightPath(of) }
  }

  #nightPath({ source, target }: Archived): string {
    const folder = join(this.#options.stateDirectory, 'catalogues', target.name)
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    } catch {
      // Whoever writes there says why.
    }
    return join(folder, `.${source}.night`)
  }
}

/**
 * The folder of catalogues on a disk of archives. Nobody else may write there: SQLite opens files by path.
 * @throws {Error} It belongs to somebody else.
 */
function openFolder(target: string): Folder {
  using root = Folder.existing(target)
  const folder = root.make(catalogueFolder)
  if (folder.stat().uid === process.getuid?.()) {
    folder.close()
    return folder
  }
  folder[Symbol.dispose]()
  throw new Error(`${folder.path} belongs to somebody else`)
}

/** @returns Whether it was there, and is there no more. */
function removeCatalogue(target: string, source: string): boolean {
  try {
    using folder = openFolder(target)
    for (const name of [`${catalogueName(source)}-journal`, catalogueName(source)]) folder.remove(name)
    return true
  } catch {
    return false
  }
}

/** Whether an archive with a tail has come after all that are known. Those without one would have to be read whole. */
async function isMissed(
  { database }: CatalogueFile,
  { target }: Archived,
  there: ArchiveThere,
): Promise<boolean> {
  const points = pointsOf(database)
  if (there.at <= (points.at(-1)?.at ?? 0)) return false
  await using file = await openArchive(target.path, there.name)
  const header = await readTailHeader(file)
  const { file: ident } = await fileOf(file)
  return header !== undefined && !points.some((point) => point.file === ident || point.archive === header.id)
}

/** The points whose archives are gone, once the archive of this name has been replaced. */
async function lostOf(of: Archived, points: readonly Point[], name: string): Promise<number[]> {
  if (!points.some((point) => point.name === name)) return []
  const there = archivesThere(of).filter((one) => one.name !== name)
  const files = await Promise.all(there.map(({ path }) => archiveFile(path)))
  const lost = points.filter((point) => !files.some((found) => found?.file === point.file))
  const unsure = there.filter((_, n) => lost.some(({ sizeBytes }) => sizeBytes === files[n]?.sizeBytes))
  const ids = new Set<string>()
  for (const one of unsure) {
    await using file = await openArchive(of.target.path, one.name)
    const header = await readTailHeader(file)
    if (header) ids.add(header.id)
  }
  return lost.filter(({ archive }) => !ids.has(archive)).map(({ seq }) => seq)
}
