import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { TerminalError } from '../../errors.ts'
import type { Progress } from '../../progress.ts'
import type { CommandRunner } from '../command/command.ts'
import { keepsSubsecondTimes } from '../mirror/directory.ts'
import { mirrorPath } from '../mirror/mirrors.ts'
import { archiveFile } from './archive-file.ts'
import { basisOf, findArgv, tarArgv, testArgv } from './archive-form.ts'
import { type Archived, type ArchivePlan, placeFor, putInPlace } from './archive-place.ts'
import { digestOnDisk, type Reading } from './disk-read.ts'
import { meter } from './meter.ts'
import { OnDisk } from './on-disk.ts'
import { assemble, DamagedArchiveError } from './pieces/archive-assembly.ts'
import { ArchiveCheck } from './pieces/archive-check.ts'
import { type ArchiveIndex, IndexBuilder } from './pieces/archive-index.ts'
import type { ArchiveIndexes } from './pieces/archive-indexes.ts'
import { openPackers } from './pieces/archive-packers.ts'
import { type Segment, SegmentCutter } from './pieces/archive-segments.ts'
import { Shelf } from './shelf.ts'

export interface WritingOptions {
  runner: CommandRunner
  signal: AbortSignal
  indexes: ArchiveIndexes
  /** Milliseconds since the epoch. */
  now: () => number
}

const timeoutMs = 7 * 24 * 3_600_000

/** Does `Archives.write`. */
export async function writeArchive(
  plan: ArchivePlan,
  onProgress: (progress: Progress) => void,
  options: WritingOptions,
): Promise<{ archive: Archived; damaged: string[] }> {
  const { indexes } = options
  using shelf = new Shelf(plan.to)
  const place = placeFor(plan, shelf)
  const { path, temporary } = place
  const earlier = await indexes.newest(plan, shelf)
  try {
    const basis = basisOf(plan)
    const whole = await assembleFrom(earlier, plan, temporary, onProgress, { ...options, shelf })
    const { sha256, index, damaged, taken } = whole
    const written = await archiveFile(shelf.at(temporary))
    if (!written) throw new TerminalError(`the archive ${temporary} is gone`)
    await putInPlace(plan, place, shelf)
    const { file, sizeBytes } = written
    await indexes.save(plan, { path, file, sizeBytes }, index)
    return { archive: { path, sizeBytes, sha256, file, ...(basis && { basis }), ...taken }, damaged }
  } finally {
    await rm(shelf.at(temporary), { force: true })
  }
}

/** An archive that was put together, and read from the disk as it was to be. */
interface Written {
  sha256: string
  index: IndexBuilder
  damaged: string[]
  taken: Pick<Archived, 'takenFrom' | 'takenBytes'>
}

/** From the whole mirror, where the earlier archive turns out to be damaged. */
async function assembleFrom(
  earlier: ArchiveIndex | undefined,
  plan: ArchivePlan,
  path: string,
  onProgress: (progress: Progress) => void,
  options: OnShelf,
): Promise<Written> {
  const { runner, signal, now, shelf } = options
  await rm(shelf.at(path), { force: true })
  const packers = openPackers(plan)
  const onDisk = new OnDisk()
  const index = new IndexBuilder()
  const readBack = readBackFrom(path, { plan, onDisk, index, options })
  readBack.catch(() => {})
  try {
    const { takenBytes } = await assemble(path, {
      at: (one) => shelf.at(one),
      segments: (stopped) => segmentsOf(plan, runner, stopped, now()),
      earlier,
      tar: { argv: tarArgv(plan), timeoutMs },
      packing: plan,
      packers,
      runner,
      signal,
      onDisk,
      index,
      onWritten: meter(null, onProgress),
    })
    const taken = earlier && takenBytes > 0 ? { takenFrom: earlier.header.path, takenBytes } : {}
    return { sha256: await verified(path, readBack, earlier, options), index, damaged: [], taken }
  } catch (error) {
    onDisk.fail(error)
    await readBack.catch(() => {})
    if (!earlier || !(error instanceof DamagedArchiveError)) throw error
    const whole = await assembleFrom(undefined, plan, path, onProgress, options)
    return { ...whole, damaged: [`the archive ${earlier.header.path} is damaged: ${error.message}`] }
  } finally {
    await packers.close()
  }
}

type OnShelf = WritingOptions & { shelf: Shelf }

interface ReadingBack {
  plan: ArchivePlan
  onDisk: OnDisk
  index: IndexBuilder
  options: OnShelf
}

/**
 * Reads an archive from the disk, what is there of it while the rest is written, and compares it with what was to be
 * written.
 * @returns Its SHA-256.
 */
async function readBackFrom(path: string, { plan, onDisk, index, options }: ReadingBack): Promise<string> {
  const { runner, signal, shelf } = options
  const check = new ArchiveCheck(index)
  const argv = testArgv(plan.compression)
  const sha256 = await digestOnDisk(path, {
    at: shelf.at(path),
    runner,
    signal,
    onDisk,
    ...(argv && { test: { argv, timeoutMs } }),
    onRead: (chunk) => check.add(chunk),
  })
  check.end()
  return sha256
}

/** @throws {DamagedArchiveError} It is not what was to be written, as neither is what parts of it were taken from. */
async function verified(
  path: string,
  readBack: Promise<string>,
  earlier: ArchiveIndex | undefined,
  { runner, signal, shelf }: OnShelf,
): Promise<string> {
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

/** Walks through a mirror. */
async function* segmentsOf(
  plan: ArchivePlan,
  runner: CommandRunner,
  signal: AbortSignal,
  nowMs: number,
): AsyncGenerator<Segment> {
  const mirror = mirrorPath(plan.from, { name: plan.source })
  const cutter = new SegmentCutter(plan.source, changedSince(mirror, nowMs / 1000))
  const find = await runner.open({ argv: findArgv(plan), timeoutMs, signal })
  find.input.end()
  for await (const chunk of find.output) yield* cutter.add(chunk)
  await find.result
  yield* cutter.end()
}

/** From when on a time of change may stand for a later change too, in seconds since the epoch. */
function changedSince(mirror: string, now: number): number {
  // The kernel's clock for files goes on in steps of at most 10 ms.
  return existsSync(mirror) && keepsSubsecondTimes(mirror) ? now - 0.1 : Math.floor(now) - 1
}
