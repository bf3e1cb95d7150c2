import { rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Target } from '../../config/config.ts'
import { type Compression, extensions, type Packing } from './archive-compression.ts'
import type { Shelf } from './shelf.ts'

export interface ArchivePlan extends Packing {
  /** The target of the mirror. */
  from: Target
  /** The name of the source, which is the folder of its mirror too. */
  source: string
  /** The target of the archive, proven. */
  to: Target
  weekday: string
}

/** An archive that was verified and put in place; see the event `source.archived`. */
export interface Archived {
  path: string
  sizeBytes: number
  sha256: string
  basis?: string
  file: string
  unchangedSince?: string
  linkedFrom?: string
  takenFrom?: string
  takenBytes?: number
}

const temporarySuffix = '.hdsync-part'

export function archivePath({
  to,
  weekday,
  source,
  compression,
}: Omit<ArchivePlan, 'from' | 'level'>): string {
  return join(to.path, weekday, `${source}${extensions[compression]}`)
}

/** Where an archive is written before it is proven. */
export function temporaryPath(plan: Omit<ArchivePlan, 'from' | 'level'>): string {
  return unprovenPath(archivePath(plan))
}

/** What an archive is called until it is proven. */
export function unprovenPath(path: string): string {
  return join(dirname(path), `.${basename(path)}${temporarySuffix}`)
}

/** Whether a file of this name is an archive that is not proven. */
export function isTemporary(name: string): boolean {
  return name.startsWith('.') && name.endsWith(temporarySuffix)
}

const removedSuffix = '.hdsync-gone'

/** What an archive is called that is about to be removed. */
export function removedPath(path: string): string {
  return join(dirname(path), `.${basename(path)}${removedSuffix}`)
}

/** Whether a file of this name is an archive that was to be removed. */
export function isRemoved(name: string): boolean {
  return name.startsWith('.') && name.endsWith(removedSuffix)
}

/** What the archives of a source are called, in whatever form they are. */
export function namesOf(source: string): string[] {
  return Object.values(extensions).map((extension) => `${source}${extension}`)
}

/** Where an archive will be, and where it is until it is proven. */
export interface Place {
  path: string
  temporary: string
}

/** Makes the folder too. @throws {TerminalError} A link or a file is in its place. */
export function placeFor(plan: ArchivePlan, shelf: Shelf): Place {
  shelf.make(plan.weekday)
  return { path: archivePath(plan), temporary: temporaryPath(plan) }
}

/** Puts a proven archive where it belongs. */
export async function putInPlace(plan: ArchivePlan, { path, temporary }: Place, shelf: Shelf): Promise<void> {
  await rename(shelf.at(temporary), shelf.at(path))
  // A rename is on the disk when its folder is.
  shelf.day(plan.weekday)?.sync()
  await removeOtherForms(plan, shelf)
}

/** A weekday has one archive of a source: after a change of compression the older form is out of date. */
async function removeOtherForms(plan: ArchivePlan, shelf: Shelf): Promise<void> {
  for (const compression of Object.keys(extensions) as Compression[]) {
    if (compression === plan.compression) continue
    await rm(shelf.at(archivePath({ ...plan, compression })), { force: true })
  }
}
