import {
  type DataOf,
  mirrorSuspect,
  snapshotCleanup,
  snapshotCreate,
  snapshotOverflowed,
  sourceFailed,
  syncRun,
} from '../../../events/index.ts'
import type { Emit } from '../../core/function.ts'
import type { Mirror } from '../../host/mirror/mirrors.ts'

export interface Overflow {
  data: DataOf<typeof syncRun>
  attempt: number
  /** Snapshots that may be taken in all. */
  attempts: number
  /** Of the snapshot that was too small. */
  sizeBytes: number
  mirror: Mirror
}

/** Reports that a snapshot overflowed while it was copied. A larger one is taken while attempts are left. */
export function tellOverflow(
  { data, attempt, attempts, sizeBytes, mirror }: Overflow,
  emit: Emit<
    readonly [
      typeof snapshotOverflowed,
      typeof mirrorSuspect,
      typeof snapshotCreate,
      typeof sourceFailed,
      typeof snapshotCleanup,
    ]
  >,
): void {
  const { source } = data
  const attemptsLeft = Math.max(0, attempts - attempt)
  emit(snapshotOverflowed, { source, sizeBytes, attemptsLeft }, { attempt })
  const known = mirror.id === undefined ? {} : { mirror: mirror.id }
  emit(
    mirrorSuspect,
    { source, reason: 'its snapshot overflowed while it was copied', ...known },
    { attempt },
  )
  if (attemptsLeft > 0) {
    emit(snapshotCreate, { ...data, overflowedBytes: sizeBytes }, { attempt: attempt + 1 })
    return
  }
  const reason = `its snapshot overflowed in each of ${attempt} attempts`
  emit(sourceFailed, { source, step: syncRun.type, reason })
  emit(snapshotCleanup, data)
}
