import { rm } from 'node:fs/promises'
import { TerminalError } from '../../../errors.ts'
import type { Progress } from '../../../progress.ts'
import type { CommandRunner } from '../../command/command.ts'
import { pieceBytes } from '../../proof/ledger.ts'
import { PieceDigests } from '../../proof/piece-digests.ts'
import { tarArgv, testOf } from '../archive-form.ts'
import type { Archived, ArchivePlan } from '../archive-place.ts'
import { digestOnDisk, type Reading } from '../disk-read.ts'
import { meter } from '../meter.ts'
import { OnDisk } from '../on-disk.ts'
import type { Shelf } from '../shelf.ts'
import { assemble, type Contents, DamagedArchiveError } from './archive-assembly.ts'
import { ArchiveCheck } from './archive-check.ts'
import { type ArchiveIndex, IndexBuilder } from './archive-index.ts'
import { openPackers } from './archive-packers.ts'
import type { ArchiveTail } from './archive-tail.ts'
import { segmentsOf } from './archive-walk.ts'

const timeoutMs = 7 * 24 * 3_600_000

/** An archive that was put together, and read from the disk as it was to be. */
export interface Written {
  sha256: string
  /** Of its pieces, each of `pieceBytes`; none where there is only one. */
  pieces: readonly string[]
  index: IndexBuilder
  damaged: string[]
  /** Which archives that is said of. */
  unsound?: { path: string; file: string }[]
  taken: Pick<Archived, 'takenFrom' | 'takenBytes'>
  tail: ArchiveTail
  /** The archive that parts of it were taken from. */
  earlier: ArchiveIndex | undefined
}

/**
 * Writes an archive under a temporary name, on the disk, and reads it back. What has not changed since the earlier archive
 * is taken from that one; if that turns out to be damaged, the whole mirror is packed anew.
 * @param path The temporary name.
 * @throws {TerminalError} It could not be written, or does not read back as it was written.
 */
export async function assembleVerified(
  earlier: ArchiveIndex | undefined,
  plan: ArchivePlan,
  path: string,
  onProgress: (progress: Progress) => void,
  options: AssemblyOptions,
): Promise<Written> {
  const { runner, signal, now, shelf } = options
  await rm(shelf.at(path), { force: true })
  const packers = openPackers(plan)
  const onDisk = new OnDisk()
  const index = new IndexBuilder()
  const readBack = readBackFrom(path, { plan, onDisk, index, options })
  readBack.catch(() => {})
  try {
    const writtenAt = now()
    const { takenBytes, tail } = await assemble(path, {
      at: (one) => shelf.at(one),
      segments: (stopped) => segmentsOf(plan, runner, stopped, writtenAt),
      earlier,
      tar: { argv: tarArgv(plan), timeoutMs },
      packing: plan,
      packers,
      runner,
      signal,
      onDisk,
      index,
      onWritten: meter(null, onProgress),
      contents: options.begin(earlier),
      writtenAt,
    }).finally(() => packers.close())
    options.onAssembled()
    const taken = earlier && takenBytes > 0 ? { takenFrom: earlier.header.path, takenBytes } : {}
    const read = await verified(path, readBack, earlier, options)
    return { ...read, index, damaged: [], taken, tail, earlier }
  } catch (error) {
    onDisk.fail(error)
    await readBack.catch(() => {})
    if (!earlier || !(error instanceof DamagedArchiveError)) throw error
    const whole = await assembleVerified(undefined, plan, path, onProgress, options)
    const { path: damagedPath, file } = earlier.header
    const damaged = [`the archive ${damagedPath} is damaged: ${error.message}`]
    return { ...whole, damaged, unsound: [{ path: damagedPath, file }] }
  }
}

export interface AssemblyOptions {
  runner: CommandRunner
  signal: AbortSignal
  /** The folders of the archive's target. */
  shelf: Shelf
  /** Milliseconds since the epoch. */
  now: () => number
  /** Begins to take note of what is in it, anew if it has to be begun anew. */
  begin: (earlier: ArchiveIndex | undefined) => Contents
  /** Told once it is on the disk, and only to be read back. */
  onAssembled: () => void
}

type ReadBack = Pick<Written, 'sha256' | 'pieces'>

interface ReadingBack {
  plan: ArchivePlan
  onDisk: OnDisk
  index: IndexBuilder
  options: AssemblyOptions
}

/**
 * Reads an archive from the disk, what is there of it while the rest is written, and compares it with what was to be
 * written.
 * @returns Its SHA-256, and those of its pieces.
 */
async function readBackFrom(path: string, { plan, onDisk, index, options }: ReadingBack): Promise<ReadBack> {
  const { runner, signal, shelf } = options
  const check = new ArchiveCheck(index)
  const test = testOf(plan.compression)
  const digests = new PieceDigests(pieceBytes)
  const sha256 = await digestOnDisk(path, {
    at: shelf.at(path),
    runner,
    signal,
    onDisk,
    ...(test && { test: { ...test, timeoutMs } }),
    onRead: (chunk) => check.add(chunk),
    digests,
  })
  check.end()
  return { sha256, pieces: digests.pieces }
}

/** @throws {DamagedArchiveError} It is not what was to be written, as neither is what parts of it were taken from. */
async function verified(
  path: string,
  readBack: Promise<ReadBack>,
  earlier: ArchiveIndex | undefined,
  { runner, signal, shelf }: AssemblyOptions,
): Promise<ReadBack> {
  try {
    return await readBack
  } catch (cause) {
    signal.throwIfAborted()
    if (earlier) await expectUndamaged(earlier, { at: shelf.at(earlier.header.path), runner, signal })
    throw new TerminalError(`the archive ${path} does not read back as it was written`, {
      hint: 'the disk or the memory of this machine may be failing: see dmesg',
      cause,
    })
  }
}

/** @throws {DamagedArchiveError} */
async function expectUndamaged(earlier: ArchiveIndex, reading: Reading): Promise<void> {
  const check = new ArchiveCheck(earlier)
  try {
    await digestOnDisk(earlier.header.path, { ...reading, onRead: (chunk) => check.add(chunk) })
  } catch (error) {
    reading.signal.throwIfAborted()
    throw new DamagedArchiveError((error as Error).message, { cause: error })
  }
}
