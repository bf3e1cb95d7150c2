import { rm } from 'node:fs/promises'
import { TerminalError } from '../../errors.ts'
import type { Progress } from '../../progress.ts'
import type { CommandRunner } from '../command/command.ts'
import { archiveFile } from './archive-file.ts'
import { basisOf } from './archive-form.ts'
import { type Archived, type ArchivePlan, placeFor, putInPlace } from './archive-place.ts'
import { type ArchiveIndexes, assembleVerified } from './pieces/pieces.ts'
import { Shelf } from './shelf.ts'

export interface WritingOptions {
  runner: CommandRunner
  signal: AbortSignal
  indexes: ArchiveIndexes
  /** Milliseconds since the epoch. */
  now: () => number
}

/** Does `Archives.write`. */
export async function writeArchive(
  plan: ArchivePlan,
  onProgress: (progress: Progress) => void,
  options: WritingOptions,
): Promise<{ archive: Archived; damaged: string[]; unsound?: { path: string; file: string }[] }> {
  const { indexes } = options
  using shelf = new Shelf(plan.to)
  const place = placeFor(plan, shelf)
  const { path, temporary } = place
  const earlier = await indexes.newest(plan, shelf)
  try {
    const basis = basisOf(plan)
    const { sha256, index, damaged, unsound, taken } = await assembleVerified(
      earlier,
      plan,
      temporary,
      onProgress,
      {
        ...options,
        shelf,
      },
    )
    const written = await archiveFile(shelf.at(temporary))
    if (!written) throw new TerminalError(`the archive ${temporary} is gone`)
    await putInPlace(plan, place, shelf)
    const { file, sizeBytes } = written
    await indexes.save(plan, { path, file, sizeBytes }, index)
    return {
      archive: { path, sizeBytes, sha256, file, ...(basis && { basis }), ...taken },
      damaged,
      ...(unsound && { unsound }),
    }
  } finally {
    await rm(shelf.at(temporary), { force: true })
  }
}
