import { basename } from 'node:path'
import type { Target } from '../../config/config.ts'
import { archiveFile } from '../../host/archive/archive-file.ts'
import { testOf } from '../../host/archive/archive-form.ts'
import { digestOnDisk } from '../../host/archive/disk-read.ts'
import { meter } from '../../host/archive/meter.ts'
import { Shelf } from '../../host/archive/shelf.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import { compressionOf } from '../../host/points/find-points.ts'
import { type Digests, openDigests } from '../../host/proof/digests.ts'
import { type ArchiveProof, noteArchive, pieceBytes, piecesOf, readLedger } from '../../host/proof/ledger.ts'
import { isoOf } from '../../instant.ts'
import type { Progress } from '../../progress.ts'
import { isSpent, type Limits, minus } from './items.ts'

/** An archive to be read. */
export interface ArchiveWanted {
  target: Target
  source: string
  path: string
  file: string
  /** As it was recorded when it was written; undefined where nothing is on record. */
  known: { sha256?: string | undefined; sizeBytes?: number | undefined }
}

/** What reading takes. */
export interface ProofTools {
  runner: CommandRunner
  signal: AbortSignal
  /** Milliseconds since the epoch. */
  now: () => number
  onProgress: (progress: Progress) => void
  /** How much of a large archive is read at once; for tests. */
  pieceBytes?: number
}

/**
 * What came of it. `paused`: the budget was spent before its end. `gone`: another file is in its place.
 */
export type ArchiveVerdict = { bytes: number } & (
  | { outcome: 'proven'; sizeBytes: number; sha256: string; isNew: boolean }
  | { outcome: 'damaged'; reason: string }
  | { outcome: 'paused' | 'gone' }
)

/** Reads an archive from its disk and compares it with what was written. What comes of it is noted on the disk. */
export async function proveArchive(
  { target, source, path, file, known }: ArchiveWanted,
  limits: Limits,
  tools: ProofTools,
): Promise<ArchiveVerdict> {
  using shelf = new Shelf(target)
  const found = await archiveFile(shelf.at(path))
  if (found?.file !== file) return { outcome: 'gone', bytes: 0 }
  const { archives } = readLedger(target.path, source)
  const noted = archives.find((one) => one.file === file)
  const sha256 = known.sha256 ?? (noted?.sha256 || undefined)
  const pieces = sha256 === undefined ? undefined : piecesOf(archives, sha256)
  const { sizeBytes } = found
  const archive = { path, at: shelf.at(path), sizeBytes, sha256, noted, pieces, limits }
  const startedAt = performance.now()
  const result = await readIt(archive, known.sizeBytes ?? noted?.sizeBytes ?? sizeBytes, tools)
  const at = isoOf(tools.now())
  const rate = rateOf(result.bytes, performance.now() - startedAt)
  const before = {
    ...{ file, sizeBytes, sha256: sha256 ?? '', provenAt: noted?.provenAt ?? isoOf(0) },
    ...(pieces && { pieces }),
  }
  const note = (proof: Partial<ArchiveProof>) =>
    noteArchive(target.path, source, { ...before, ...proof }, rate)
  if ('reason' in result) {
    note({ damaged: { at, reason: result.reason } })
    return { outcome: 'damaged', ...result }
  }
  if ('read' in result) {
    note({ read: result.read })
    return { outcome: 'paused', bytes: result.bytes }
  }
  note({ sha256: result.sha256, provenAt: at, ...(result.pieces?.length && { pieces: [...result.pieces] }) })
  return {
    ...{ outcome: 'proven', bytes: result.bytes, sizeBytes },
    ...{ sha256: result.sha256, isNew: sha256 === undefined },
  }
}

/** In bytes a second; undefined where too little was read to tell. */
function rateOf(bytes: number, ms: number): number | undefined {
  return bytes >= 64 * 1024 ** 2 && ms > 0 ? Math.round((bytes / ms) * 1000) : undefined
}

/** An archive that is open. */
interface Open {
  path: string
  /** How this process names it. */
  at: string
  sizeBytes: number
  sha256: string | undefined
  noted: ArchiveProof | undefined
  /** Of its pieces, where they are on record. */
  pieces: readonly string[] | undefined
  limits: Limits
}

type Result = { bytes: number } & (
  | { sha256: string; pieces?: readonly string[] }
  | { read: number }
  | { reason: string }
)

async function readIt(archive: Open, expectedBytes: number, tools: ProofTools): Promise<Result> {
  const { path, sizeBytes, sha256, pieces } = archive
  if (sizeBytes !== expectedBytes)
    return { bytes: 0, reason: `it has ${sizeBytes} of ${expectedBytes} bytes` }
  try {
    if (sha256 === undefined) return await readTested(archive, tools)
    await using digests = await openDigests(tools.runner)
    return pieces
      ? await readPieces(archive, pieces, digests, tools)
      : await readWhole(archive, digests, tools)
  } catch (error) {
    tools.signal.throwIfAborted()
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EIO' && !(error instanceof UnsoundError)) throw error
    return { bytes: 0, reason: `it cannot be read: ${message.replaceAll(path, basename(path))}` }
  }
}

class UnsoundError extends Error {}

async function readWhole(
  { at, sizeBytes, sha256 }: Open,
  digests: Digests,
  { onProgress, pieceBytes: size = pieceBytes }: ProofTools,
): Promise<Result> {
  const count = meter(sizeBytes, onProgress)
  const found = await digests.of(forOthers(at), {
    // A second checksum of all that is read: of one that is read in one go, nobody needs it.
    ...(sizeBytes > size && { pieceBytes: size }),
    onRead: (bytes) => count({ length: bytes }),
  })
  if (found.sha256 !== sha256)
    return { bytes: found.bytes, reason: 'it does not read back as it was written' }
  return found
}

/** Goes on where it was paused. Each piece was on record when the whole was found good. */
async function readPieces(
  { at, sizeBytes, sha256 = '', noted, limits }: Open,
  pieces: readonly string[],
  digests: Digests,
  { now, signal, onProgress, pieceBytes: size = pieceBytes }: ProofTools,
): Promise<Result> {
  const count = meter(sizeBytes, onProgress)
  let bytes = 0
  for (let n = noted?.read ?? 0; n < pieces.length; n += 1) {
    if (isSpent(minus(limits, bytes), now()) || signal.aborted) return { bytes, read: n }
    const found = await digests
      .of(forOthers(at), { from: n * size, bytes: size, onRead: (read) => count({ length: read }) })
      .catch((error) => {
        // Cancelled: what has been read counts.
        if (signal.aborted) return undefined
        throw error
      })
    if (!found) return { bytes, read: n }
    bytes += found.bytes
    if (found.sha256 !== pieces[n]) {
      return { bytes, reason: `it does not read back as it was written, from byte ${n * size} on` }
    }
  }
  return { bytes, sha256, pieces }
}

/** Of which nothing is on record: it has to unpack. */
async function readTested(
  { path, at, sizeBytes }: Open,
  { runner, signal, onProgress }: ProofTools,
): Promise<Result> {
  const compression = compressionOf({ kind: 'weekday', path }) ?? 'none'
  const reads = testOf(compression) ?? { argv: ['tar', '--list', '--file=-'] }
  const test = { ...reads, timeoutMs: 7 * 24 * 3_600_000 }
  const sha256 = await digestOnDisk(path, {
    at,
    runner,
    signal,
    test,
    onRead: meter(sizeBytes, onProgress),
  }).catch((error) => {
    signal.throwIfAborted()
    throw new UnsoundError(error.message, { cause: error })
  })
  return { bytes: sizeBytes, sha256 }
}

/** As a process that this one has started names it. */
function forOthers(at: string): Buffer {
  return Buffer.from(at.replace('/proc/self/', `/proc/${process.pid}/`))
}
