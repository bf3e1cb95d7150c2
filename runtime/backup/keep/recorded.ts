import { basename, dirname } from 'node:path'
import { keptFolder } from '../../host/archive/shelf.ts'
import { type ArchiveRecord, isWeekday, type KeepPoint, nightOf } from './points.ts'

/** The archives of a source as the record has them, for when their disk is not mounted: each may be gone since. */
export function recordedPoints({ nights, kept, damaged }: ArchiveRecord): KeepPoint[] {
  const stateOf = (file: string, state: KeepPoint['state']) => (damaged.has(file) ? 'damaged' : state)
  const points = new Map<string, KeepPoint>()
  const add = (point: Omit<KeepPoint, 'diskBytes' | 'writtenMs'>) =>
    points.set(point.path, { ...point, diskBytes: point.sizeBytes, writtenMs: point.at })
  for (const { path, file = path, sizeBytes, sha256, provenAt } of nights) {
    const folder = basename(dirname(path))
    // What was at this path before is there no more.
    if (points.has(path) || !isWeekday(folder)) continue
    const state = stateOf(file, sha256 === undefined ? 'unknown' : 'good')
    add({ path, folder, at: nightOf(provenAt, folder), file, sizeBytes, state, sha256 })
  }
  for (const { path, at, file, sizeBytes, sha256, state } of kept) {
    const folder = `${keptFolder}/${basename(dirname(path))}`
    add({ path, folder, at: Date.parse(at), file, sizeBytes, state: stateOf(file, state), sha256 })
  }
  return [...points.values()]
}
