import { UsageError } from '../../errors.ts'
import { Folder } from '../target/safe-open.ts'

/** The folder of ledgers, at the top of a target. */
export const proofFolder = '.hdsync-proof'

/** What is on record of an archive's file. */
export interface ArchiveProof {
  /** As `archiveFile` tells it: another one is another file. */
  file: string
  sizeBytes: number
  /** Of the whole file, in hexadecimal digits. */
  sha256: string
  /** When it was last read whole and found good, as ISO 8601 in UTC. */
  provenAt: string
  /** Of its pieces, each of `pieceBytes`, where there is more than one: reading can be taken up between them. */
  pieces?: string[]
  /** How many of them have been read since `provenAt`. */
  read?: number
  /** It is not what was written. */
  damaged?: { at: string; reason: string }
}

/** How far a mirror has been compared with its archives, or with its source. */
export interface MirrorProof {
  /** The last path that was compared, in base64; null when a turn has come to its end. */
  cursor: string | null
  /** When this turn began, as ISO 8601 in UTC. */
  begunAt: string
  /** When the last whole turn began: what was found good was good then or later. Null before there was one. */
  provenAt: string | null
  /** What was read in this turn, or in the last whole one. */
  files: number
  bytes: number
  /** What it is compared with; an archive unless given. */
  against?: 'archive' | 'source'
  /** Files of which nothing could be told in this turn, or in the last whole one, and those in doubt. */
  unproven?: number
}

/** What is on record of the proofs of a source's backups, on the disk on which they lie. */
export interface Ledger {
  archives: ArchiveProof[]
  mirror?: MirrorProof
  /** How fast its disk was read at the last time. */
  bytesPerSecond?: number
}

/**
 * Large archives are proven piece by piece, as their digests were taken when they were written. A multiple of what direct
 * reads begin at.
 */
export const pieceBytes = 1024 ** 3

const version = 1
/** A digest for each GiB: enough for a hundred archives of a TiB. */
const mostBytes = 16 * 1024 ** 2

const nameOf = (source: string) => `${source}.json`

/** Reads the ledger of a source on a target. @returns An empty one where there is none, or none that this user can read. */
export function readLedger(target: string, source: string): Ledger {
  try {
    using root = Folder.existing(target)
    using folder = root.folder(proofFolder)
    const text = folder?.read(nameOf(source), mostBytes)
    const found = text === undefined ? undefined : JSON.parse(text)
    return found?.version === version && Array.isArray(found.archives) ? asLedger(found) : { archives: [] }
  } catch {
    return { archives: [] }
  }
}

/**
 * Writes it: whole, or not at all.
 * @param target Its path; it has been proven.
 * @throws {TerminalError} It cannot be written.
 */
export function writeLedger(target: string, source: string, ledger: Ledger): void {
  if (source.includes('/')) throw new UsageError(`${source} is no name of a source`)
  using root = Folder.existing(target)
  using folder = root.make(proofFolder)
  folder.replace(nameOf(source), `${JSON.stringify({ version, ...ledger })}\n`, 0o600)
}

/** Removes it; nothing where there is none. */
export function forgetLedger(target: string, source: string): void {
  using root = Folder.existing(target)
  using folder = root.folder(proofFolder)
  folder?.remove(nameOf(source))
}

/** Puts something else on record of one archive. @param bytesPerSecond How fast it was read, where that can be told. */
export function noteArchive(
  target: string,
  source: string,
  proof: ArchiveProof,
  bytesPerSecond?: number,
): void {
  const { archives, ...rest } = readLedger(target, source)
  writeLedger(target, source, {
    ...rest,
    ...(bytesPerSecond !== undefined && { bytesPerSecond }),
    archives: [...archives.filter(({ file }) => file !== proof.file), proof],
  })
}

/**
 * Notes an archive that was just written or read whole, and found good; what is on record of files that stand there no more
 * goes.
 * @param standing The files of all archives of the source.
 */
export function noteGood(
  target: string,
  source: string,
  proof: Pick<ArchiveProof, 'file' | 'sizeBytes' | 'sha256' | 'provenAt' | 'pieces'>,
  standing: readonly string[],
): void {
  const { archives, ...rest } = readLedger(target, source)
  const pieces = proof.pieces ?? piecesOf(archives, proof.sha256)
  const others = archives.filter(({ file }) => file !== proof.file && standing.includes(file))
  const good = { ...proof, ...(pieces && { pieces }) }
  writeLedger(target, source, { ...rest, archives: [...others, good] })
}

/** The digests of the pieces of an archive, from whatever file holds the same bytes: a copy has the same. */
export function piecesOf(archives: readonly ArchiveProof[], sha256: string): string[] | undefined {
  return archives.find((one) => one.sha256 === sha256 && one.pieces)?.pieces
}

/** Notes that an archive is not what was written. @param at As ISO 8601 in UTC. */
export function noteDamage(
  target: string,
  source: string,
  file: string,
  damaged: { at: string; reason: string },
): void {
  const known = readLedger(target, source).archives.find((one) => one.file === file)
  const unknown = { file, sizeBytes: 0, sha256: '', provenAt: '1970-01-01T00:00:00.000Z' }
  noteArchive(target, source, { ...(known ?? unknown), damaged })
}

/** The files of archives that are known not to be what was written. */
export function damagedFiles({ archives }: Pick<Ledger, 'archives'>): Set<string> {
  return new Set(archives.flatMap(({ file, damaged }) => (damaged ? [file] : [])))
}

/** Whoever can write on the disk can write there: what is not of the right form is passed over. */
function asLedger({ archives, mirror, bytesPerSecond }: Ledger): Ledger {
  const isText = (value: unknown) => typeof value === 'string'
  const isDate = (value: unknown) => isText(value) && !Number.isNaN(Date.parse(value as string))
  const good = archives.filter(
    (one) =>
      isText(one?.file) && isText(one.sha256) && Number.isFinite(one.sizeBytes) && isDate(one.provenAt),
  )
  const isMirror = mirror && isDate(mirror.begunAt) && Number.isFinite(mirror.files)
  return {
    archives: good,
    ...(isMirror && { mirror }),
    ...(Number.isFinite(bytesPerSecond) && { bytesPerSecond }),
  }
}
