import { rm, statfs } from 'node:fs/promises'
import { TerminalError } from '../../errors.ts'
import type { Progress } from '../../progress.ts'
import type { CommandRunner } from '../command/command.ts'
import { archiveFile } from './archive-file.ts'
import { basisOf } from './archive-form.ts'
import { type Archived, type ArchivePlan, placeFor, putInPlace } from './archive-place.ts'
import type { Catalogues } from './catalogue/catalogues.ts'
import type { Night } from './catalogue/night.ts'
import { inTurn } from './one-at-a-time.ts'
import { type ArchiveIndex, type ArchiveIndexes, assembleVerified } from './pieces/pieces.ts'
import { Shelf } from './shelf.ts'

export interface WritingOptions {
  runner: CommandRunner
  signal: AbortSignal
  indexes: ArchiveIndexes
  catalogues: Catalogues
  /** Milliseconds since the epoch. */
  now: () => number
}

interface WrittenArchive {
  archive: Archived
  /** The digests of its pieces: see `Written`. */
  pieces: readonly string[]
  damaged: string[]
  unsound?: { path: string; file: string }[]
  warnings?: string[]
}

/** What the one that is still read back may take besides: its index, its catalogue. */
const marginBytes = 64 * 1024 ** 2

/** Does `Archives.write`; while another one is read back, where the disk has room for both. */
export function writeArchive(
  plan: ArchivePlan,
  onProgress: (progress: Progress) => void,
  { proveAgain, ...options }: WritingOptions & { proveAgain: () => Promise<void> },
): Promise<WrittenArchive> {
  return inTurn(options.signal, async (turn) => {
    if (turn.hasWaited) await proveAgain()
    using shelf = new Shelf(plan.to)
    const newest = await options.indexes.newest(plan, shelf)
    const write = () => writeInTurn(plan, shelf, newest, onProgress, { ...options, onAssembled: turn.pass })
    if (turn.hasCompany && !(await isRoomy(plan.to.path, newest))) {
      await turn.alone()
      await proveAgain()
    }
    return await write().catch(async (error) => {
      if (!turn.hasCompany || !isFull(error)) throw error
      // There may be room once that one has taken the place of last week's.
      await turn.alone()
      return write()
    })
  })
}

/** Whether a disk holds twice what an archive will take, which is not known of a first one. */
async function isRoomy(path: string, newest: ArchiveIndex | undefined): Promise<boolean> {
  const { bavail, bsize } = await statfs(path)
  return newest !== undefined && bavail * bsize >= 2 * newest.header.sizeBytes + marginBytes
}

function isFull({ cause }: Error): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException | undefined)?.code ?? '')
}

async function writeInTurn(
  plan: ArchivePlan,
  shelf: Shelf,
  newest: ArchiveIndex | undefined,
  onProgress: (progress: Progress) => void,
  options: WritingOptions & { onAssembled: () => void },
): Promise<WrittenArchive> {
  const { indexes, catalogues, now } = options
  const place = placeFor(plan, shelf)
  const { path, temporary } = place
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
