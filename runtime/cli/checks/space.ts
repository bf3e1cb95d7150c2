import { statfs } from 'node:fs/promises'
import { formatBytes } from '../../units.ts'
import type { IdOf } from './conditions.ts'
import { type Finding, warning } from './finding.ts'

/** Below how much room a file system is called nearly full. */
const leastPercent = 5

/** Whether a file system has room left, for data and for names. */
export async function checkSpace(path: string, id: IdOf<'warning'>, about: string): Promise<Finding[]> {
  const { bavail, bsize, blocks, ffree, files } = await statfs(path)
  const findings: Finding[] = []
  const remedy = `see what takes it: du --one-file-system --max-depth=1 ${path}`
  if (isLow(bavail, blocks)) {
    const finding = `${path}: ${formatBytes(bavail * bsize)} of ${formatBytes(blocks * bsize)} are free, less than ${leastPercent}%`
    findings.push(warning(id, about, finding, remedy))
  }
  if (isLow(ffree, files)) {
    const finding = `${path}: ${ffree} of ${files} inodes are free, less than ${leastPercent}%`
    findings.push(warning(id, about, finding, `${remedy} --inodes`))
  }
  return findings
}

/** File systems without a fixed number of inodes say 0 of 0. */
function isLow(free: number, all: number): boolean {
  return all > 0 && (free * 100) / all < leastPercent
}
