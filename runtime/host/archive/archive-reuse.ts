import { rm } from 'node:fs/promises'
import type { Progress } from '../../progress.ts'
import { weekdays } from '../../weekday.ts'
import type { CommandRunner } from '../command/command.ts'
import { type ArchiveFile, archiveFile, isSameFile, shareFile } from './archive-file.ts'
import { basisOf } from './archive-form.ts'
import { type Archived, type ArchivePlan, archivePath, placeFor, putInPlace } from './archive-place.ts'
import type { Catalogues } from './catalogue/catalogues.ts'
import { digestOnDisk, type Reading } from './disk-read.ts'
import type { EarlierArchive } from './earlier-archive.ts'
import { meter } from './meter.ts'
import { oneAtATime } from './one-at-a-time.ts'
import type { ArchiveIndexes } from './pieces/pieces.ts'
import { Shelf } from './shelf.ts'

export interface ReuseOptions {
  runner: CommandRunner
  signal: AbortSignal
  indexes: ArchiveIndexes
  catalogues: Catalogues
  /** Milliseconds since the epoch. */
  now: () => number
}

/** Does `Archives.reuse`. */
export async function reuseArchive(
  plan: ArchivePlan,
  earlier: readonly EarlierArchive[],
  onProgress: (progress: Progress) => void,
  { runner, signal, indexes, catalogues, now }: ReuseOptions,
): Promise<{
  archive?: Archived
  damaged: string[]
  unsound?: { path: string; file: string }[]
  warnings?: string[]
}> {
  const at = now()
  using shelf = new Shelf(plan.to)
  const basis = basisOf(plan)
  const places = weekdays.map((weekday) => archivePath({ ...plan, weekday }))
  const damaged = new Map<string, { path: string; text: string }>()
  const found = () => ({
    damaged: [...damaged.values()].map(({ text }) => text),
    ...(damaged.size > 0 && { unsound: [...damaged].map(([file, { path }]) => ({ path, file })) }),
  })
  for (const one of earlier) {
    if (one.basis !== basis || !places.includes(one.path)) continue
    const there = await archiveFile(shelf.at(one.path))
    // Another disk is there now, or somebody put another file in its place: it may be good, but is not the one.
    if (there?.file !== one.file || damaged.has(there.file)) continue
    const onRead = meter(one.sizeBytes, onProgress)
    const { archive, problem } = await placeEarlier(plan, one, there, shelf, { runner, signal, onRead })
    if (archive) {
      await indexes.carry(plan, one, archive)
      const problem = await catalogues.linked(plan, { ...archive, at }, one.file)
      return { archive, ...found(), ...(problem && { warnings: [problem] }) }
    }
    const text = `the archive ${one.path} is damaged: ${problem}`
    if (problem) damaged.set(there.file, { path: one.path, text })
  }
  return found()
}

/** Puts an earlier archive in place, once what is read of it is good. @returns Neither where it cannot be shared. */
async function placeEarlier(
  plan: ArchivePlan,
  { path: linkedFrom, sizeBytes, sha256, basis, unchangedSince }: EarlierArchive,
  found: ArchiveFile,
  shelf: Shelf,
  reading: Reading,
): Promise<{ archive?: Archived; problem?: string }> {
  if (found.sizeBytes !== sizeBytes) return { problem: `it has ${found.sizeBytes} of ${sizeBytes} bytes` }
  const { path, temporary } = placeFor(plan, shelf)
  // A rename onto another name of the same file does nothing, and leaves the temporary name behind.
  const isThere = isSameFile(found, await archiveFile(shelf.at(path)))
  const candidate = isThere ? path : temporary
  try {
    await rm(shelf.at(temporary), { force: true })
    if (!isThere && !(await shareFile(shelf.at(linkedFrom), shelf.at(temporary)))) return {}
    const problem = await problemOf(candidate, sha256, { ...reading, at: shelf.at(candidate) })
    if (problem) return { problem }
    const { file } = (await archiveFile(shelf.at(candidate))) ?? found
    await putInPlace(plan, { path, temporary: candidate }, shelf)
    const link = path === linkedFrom ? {} : { linkedFrom }
    return { archive: { path, sizeBytes, sha256, basis, file, unchangedSince, ...link } }
  } finally {
    await rm(shelf.at(temporary), { force: true })
  }
}

/** What is wrong with an earlier archive, if anything is, when it is read from the disk. */
async function problemOf(path: string, sha256: string, reading: Reading): Promise<string | undefined> {
  try {
    const read = await oneAtATime(reading.signal, () => digestOnDisk(path, reading))
    if (read === sha256) return undefined
    return 'it does not read back as it was written'
  } catch (error) {
    reading.signal.throwIfAborted()
    return `it cannot be read: ${(error as Error).message}`
  }
}
