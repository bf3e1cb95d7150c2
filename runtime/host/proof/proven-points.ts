import { dirname } from 'node:path'
import { archiveFile } from '../archive/archive-file.ts'
import type { RestorePoint } from '../points/restore-point.ts'
import { type Ledger, readLedger } from './ledger.ts'

/** What the disks of restore points tell of when each was proven last, and of what is damaged. */
export async function withProofs(points: readonly RestorePoint[]): Promise<RestorePoint[]> {
  const ledgers = new Map<string, Ledger>()
  const found: RestorePoint[] = []
  for (const point of points) {
    const target = targetOf(point)
    const key = `${target} ${point.source}`
    const ledger = ledgers.get(key) ?? readLedger(target, point.source)
    ledgers.set(key, ledger)
    found.push(point.kind === 'mirror' ? ofMirror(point, ledger) : await ofArchive(point, ledger))
  }
  return found
}

function targetOf({ kind, path }: RestorePoint): string {
  const folder = dirname(path)
  if (kind === 'mirror') return folder
  return kind === 'weekday' ? dirname(folder) : dirname(dirname(folder))
}

function ofMirror(point: RestorePoint, { mirror }: Ledger): RestorePoint {
  // What could not be compared is not proven.
  return mirror?.provenAt && !mirror.unproven ? { ...point, provenAt: mirror.provenAt } : point
}

async function ofArchive(point: RestorePoint, { archives }: Ledger): Promise<RestorePoint> {
  const { file } = (await archiveFile(point.path)) ?? {}
  const proof = archives.find((one) => one.file === file)
  if (!proof) return point
  const { provenAt, damaged } = proof
  return {
    ...point,
    // What was never proven has the epoch.
    ...(Date.parse(provenAt) > 0 && { provenAt }),
    ...(damaged && { damaged: damaged.reason }),
  }
}
