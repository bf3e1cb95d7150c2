import { copyKept, type DataOf, dataOf, type Envelope } from '../../../events/index.ts'
import { keptFolder } from '../../host/archive/shelf.ts'
import type { KeepPoint } from '../keep/points.ts'
import { noonOf } from './look.ts'

/** What a place had of a source when that was last looked at. @param kept Events of the kind `copy.kept`, the newest first. */
export function recordedCopies(kept: readonly Envelope[], copy: string, source: string): KeepPoint[] {
  return (lastLook(kept, copy, source)?.kept ?? []).map(({ path, at, sizeBytes, file, sha256 }) => {
    const folder = `${keptFolder}/${path.split('/').at(-2) ?? ''}`
    return {
      ...{ path, folder, file, sizeBytes, sha256, diskBytes: sizeBytes, state: 'good' as const },
      ...{ at: noonOf(folder), writtenMs: Date.parse(at) },
    }
  })
}

function lastLook(
  kept: readonly Envelope[],
  copy: string,
  source: string,
): DataOf<typeof copyKept> | undefined {
  for (const event of kept) {
    const data = dataOf(copyKept, event)
    if (data?.copy === copy && data.source === source) return data
  }
  return undefined
}
