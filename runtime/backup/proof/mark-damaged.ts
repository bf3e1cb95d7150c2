import type { Target } from '../../config/config.ts'
import { noteDamage } from '../../host/proof/ledger.ts'
import { isoOf } from '../../instant.ts'

/** Notes on the disk of an archive that it is not what it should be. @param now Milliseconds since the epoch. */
export function markDamaged(target: Target, source: string, file: string, reason: string, now: number): void {
  noteDamage(target.path, source, file, { at: isoOf(now), reason })
}
