import { rm } from 'node:fs/promises'
import { TerminalError } from '../../errors.ts'
import type { Progress } from '../../progress.ts'
import type { CommandRunner } from '../command/command.ts'
import { archiveFile } from './archive-file.ts'
import { basisOf } from './archive-form.ts'
import { type Archived, type ArchivePlan, placeFor, putInPlace } from './archive-place.ts'
import type { Catalogues } from './catalogue/catalogues.ts'
import type { Night } from './catalogue/night.ts'
import { type ArchiveIndexes, assembleVerified } from './pieces/pieces.ts'
import { Shelf } from './shelf.ts'

export interface WritingOptions {
  runner: CommandRunner
  signal: AbortSignal
  indexes: ArchiveIndexes
  catalogues: Catalogues
  /** Milliseconds since the epoch. */
  now: () => number
}

/** Does `Archives.write`. */
export async function writeArchive(
  plan: ArchivePlan,
  onProgress: (progress: Progress) => void,
  options: WritingOptions,
): Promise<{
  archive: Archived
  /** The digests of its pieces: see `Written`. */
  pieces: readonly string[]
  damaged: string[]
  unsound?: { path: string; file: string }[]
  warnings?: string[]
}> {
  const { indexes, catalogues, now } = options
  using shelf = new Shelf(plan.to)
  const place = placeFor(plan, shelf)
  const { path, temporary } = place
  const newest = await indexes.newest(plan, shelf)
  const at = now()
  let night: Night | undefined
  try {
    const basis = basisOf(plan)
    const assembled = await assembleVerified(newest, plan, temporary, onProgress, {
      ...options,
      shelf,
      begin(earlier) {
        night?.[Symbol.dispose]()
        night = catalogues.begin(plan, earlier)
        return night
      },
    })
    const { sha256, pieces, index, damaged, unsound, taken } = assembled
    const written = await archiveFile(shelf.at(temporary))
    if (!written) throw new TerminalError(`the archive ${temporary} is gone`)
    await putInPlace(plan, place, shelf)
    const { file, sizeBytes } = written
    await indexes.save(plan, { path, file, sizeBytes }, index)
    const problem =
      night && (await catalogues.written(plan, { path, file, sizeBytes, at }, { ...assembled, night }))
    return {
      archive: { path, sizeBytes, sha256, file, ...(basis && { basis }), ...taken },
      pieces,
      damaged,
      ...(unsound && { unsound }),
      ...(problem && { warnings: [problem] }),
    }
  } finally {
    night?.[Symbol.dispose]()
    await rm(shelf.at(temporary), { force: true })
  }
}
