import { vaultText } from '../../host/copies/vault/ssh.ts'
import { dayOf } from '../../host/points/archive-night.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { isoOf } from '../../instant.ts'
import type { CopyPlace } from './places.ts'
import type { CopyThere } from './to-copy.ts'

/** A restore point, and which file it is. */
interface CopyPoint {
  point: RestorePoint
  file: string
}

/**
 * Restore points of copies that lie in a place. A vault may have several of one night: the newest of them is named by the night
 * alone.
 */
export function copyPoints(place: CopyPlace, source: string, copies: readonly CopyThere[]): CopyPoint[] {
  const taken = new Set<string>()
  const newestFirst = copies.toSorted((one, other) => other.writtenMs - one.writtenMs)
  return newestFirst.map(({ at, writtenMs, path, file, sizeBytes, state, readAt }) => {
    const night = `${source}@${place.name}-${dayOf(at)}`
    const id = taken.has(night) ? `${night}/${file.slice(0, 8)}` : night
    taken.add(night)
    const target = targetText(place)
    return {
      point: {
        ...{ id, source, kind: 'copy', copy: place.name, at: isoOf(writtenMs), target, path, sizeBytes },
        ...(readAt !== undefined && { provenAt: isoOf(readAt) }),
        ...(state === 'damaged' && { damaged: 'the vault says that it does not read back as it was proved' }),
      },
      file,
    }
  })
}

/** What stands for the target of copies: no target is named as a vault is. */
function targetText(place: CopyPlace): string {
  return place.kind === 'vault' ? vaultText(place.vault) : place.target.name
}
