import type { Source } from '../../../config/config.ts'
import type { Entry } from '../../../host/points/entry.ts'
import { liveRoots } from '../../../host/points/live-sources.ts'
import { OpenFolder } from '../../../host/points/open-folder.ts'
import type { Digests } from '../../../host/proof/digests.ts'
import { lookAt, readUnchanged } from '../../../host/proof/witness.ts'
import { isAsCopied } from './judge.ts'

interface Asking {
  source: Source
  /** When the last good copy began and was over, in milliseconds since the epoch. */
  copied: { from: number; to: number } | undefined
  digests: Digests
  signal: AbortSignal
}

/** The third witness: the file of the live system, if it has not been touched since it was copied. */
export async function inSource(
  { path, sizeBytes, mtimeNs }: Pick<Entry, 'path' | 'sizeBytes' | 'mtimeNs'>,
  { source, copied, digests, signal }: Asking,
): Promise<{ sha256: string; folder: string; path: Buffer } | undefined> {
  if (!copied) return undefined
  for (const { at, below } of liveRoots(source)) {
    const rest = pathBelow(path, below)
    if (!rest) continue
    try {
      using root = OpenFolder.at(at)
      const stats = lookAt(root, rest)
      const facts = stats && {
        sizeBytes: Number(stats.size),
        mtimeNs: stats.mtimeNs,
        changedAt: Number(stats.ctimeMs),
      }
      if (!stats || !facts || !isAsCopied(facts, { sizeBytes, mtimeNs }, copied.from)) return undefined
      const seen = await readUnchanged(root, rest, stats, digests)
      if (seen && seen.sha256 !== 'unreadable') return { sha256: seen.sha256, folder: at, path: rest }
    } catch {
      signal.throwIfAborted()
    }
  }
  return undefined
}

/** Of a volume only a part may be mounted there. */
function pathBelow(path: Buffer, below: string): Buffer | undefined {
  if (below === '') return path
  const folder = Buffer.from(`${below}/`)
  return path.subarray(0, folder.length).equals(folder) ? path.subarray(folder.length) : undefined
}
