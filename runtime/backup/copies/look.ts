import type { Envelope } from '../../../events/index.ts'
import type { Target } from '../../config/config.ts'
import type { StandingArchive } from '../../host/archive/kept.ts'
import { keptFolder } from '../../host/archive/shelf.ts'
import { readLedger } from '../../host/proof/ledger.ts'
import { clockAgrees } from '../keep/clock.ts'
import { archiveRecord, type KeepPoint, pointsOf } from '../keep/points.ts'
import { openUnusual } from '../mirror/unusual.ts'
import { marked, proofsOf } from '../proof/standing.ts'
import type { CopyFacts, CopyThere } from './to-copy.ts'

/** Finds all archives of a source on a target; see `standingArchives`. */
type Standing = (target: Target, source: string) => Promise<StandingArchive[]>

/** The copies of a source's archives on a disk, with what was noted there of each. */
export async function copiesThere(target: Target, source: string, standing: Standing): Promise<CopyThere[]> {
  const proofs = readLedger(target.path, source).archives
  const found = await standing(target, source)
  return found.flatMap((one): CopyThere[] => {
    if (!one.folder.startsWith(`${keptFolder}/`)) return []
    const proof = proofs.find(({ file }) => file === one.file)
    const state = proof?.damaged ? 'damaged' : proof?.sizeBytes === one.sizeBytes ? 'good' : 'unknown'
    return [
      {
        ...one,
        at: noonOf(one.folder),
        state,
        ...(proof && { sha256: proof.sha256, readAt: Date.parse(proof.provenAt) }),
      },
    ]
  })
}

/**
 * What decides about the copies of a source. The disk of the archives is mounted.
 * @param told Of the source, of the kinds in `tellsOfArchives`, the newest first.
 */
export async function copyFacts(
  source: string,
  { from, there, rules }: { from: Target } & Pick<CopyFacts, 'there' | 'rules'>,
  told: readonly Envelope[],
  standing: Standing,
): Promise<CopyFacts> {
  const proofs = proofsOf(source, from)
  const record = archiveRecord(told)
  const archives = pointsOf(await standing(from, source), record)
  return {
    archives: archives.map((point) => marked(knownTo(point, proofs), proofs)),
    there,
    rules,
    isUnusual: openUnusual(told) !== undefined,
    clockAgrees: clockAgrees(record.nights),
  }
}

/** What a verification has read is known to be good, though no night that is on record has written it. */
function knownTo(point: KeepPoint, proofs: ReturnType<typeof proofsOf>): KeepPoint {
  if (point.state !== 'unknown') return point
  const proof = proofs.find(({ file, sizeBytes }) => file === point.file && sizeBytes === point.sizeBytes)
  return proof?.sha256 && !proof.damaged ? { ...point, state: 'good', sha256: proof.sha256 } : point
}

/** The moment by which copies of a night are told apart: its folder tells the day alone. @param folder As `kept/2026-11-22`. */
export function noonOf(folder: string): number {
  return new Date(`${folder.slice(keptFolder.length + 1)}T12:00:00`).getTime()
}
