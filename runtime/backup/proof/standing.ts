import type { Config, Target } from '../../config/config.ts'
import { type ArchiveProof, readLedger } from '../../host/proof/ledger.ts'
import { isoOf } from '../../instant.ts'
import type { ArchiveRecord, KeepPoint } from '../keep/points.ts'
import type { ReadPast } from '../past.ts'
import { outlookOf } from './outlook.ts'

/** How the reading of backups stands; all is null where no disk of archives is mounted. */
export interface VerifyStatus {
  /** How long it takes until all of them have been read once, and how much that is. */
  turnMs: number | null
  totalBytes: number | null
  /** When those were proven that have waited for the longest time; null where one never was. */
  oldestAt: string | null
}

/** @returns undefined where nobody reads backups again by itself. */
export async function turnOf(config: Config, now: number, read: ReadPast): Promise<VerifyStatus | undefined> {
  if (!config.verify) return undefined
  const { budget: budgetMs, bytes } = config.verify
  const outlook = await outlookOf(config, Object.keys(config.sources), { budgetMs, bytes }, read)
  if (!outlook) return { turnMs: null, totalBytes: null, oldestAt: null }
  const { turnMs, totalBytes, oldestAt } = outlook
  return { turnMs, totalBytes, oldestAt: oldestAt > 0 && oldestAt <= now ? isoOf(oldestAt) : null }
}

/** What the disk of archives tells of a source's; nothing where it is not mounted. */
export function proofsOf(source: string, to: Target | undefined): readonly ArchiveProof[] {
  return to ? readLedger(to.path, source).archives : []
}

/** When all of a mirror was last found good, in milliseconds since the epoch: for a source that has no archives. */
export function mirrorProven(source: string, from: Target | undefined): number | undefined {
  const { mirror } = from ? readLedger(from.path, source) : {}
  return mirror?.provenAt && !mirror.unproven ? Date.parse(mirror.provenAt) : undefined
}

/** When an archive was last found good, in milliseconds since the epoch. */
export function lastProven({ nights }: ArchiveRecord, proofs: readonly ArchiveProof[]): number | undefined {
  const good = proofs.filter(({ damaged }) => damaged === undefined)
  const written = nights.slice(0, 1).map((night) => night.provenAt)
  const times = [...written, ...good.map((one) => Date.parse(one.provenAt))]
  return times.length > 0 ? Math.max(...times) : undefined
}

/** An archive, with what its disk tells of damage. */
export function marked(point: KeepPoint, proofs: readonly ArchiveProof[]): KeepPoint {
  const isDamaged = proofs.some(({ file, damaged }) => damaged && file === point.file)
  return isDamaged ? { ...point, state: 'damaged' } : point
}
