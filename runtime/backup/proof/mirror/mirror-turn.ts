import type { Target } from '../../../config/config.ts'
import { type MirrorProof, readLedger, writeLedger } from '../../../host/proof/ledger.ts'
import { isoOf } from '../../../instant.ts'

/** Where the last run has stopped, or a new turn. @param against Of another order nothing can be taken up. */
export function turnOf(
  target: Target,
  source: string,
  against: NonNullable<MirrorProof['against']>,
  now: number,
): MirrorProof {
  const { mirror } = readLedger(target.path, source)
  if (mirror && mirror.cursor !== null && (mirror.against ?? 'archive') === against) return mirror
  const provenAt = mirror?.provenAt ?? null
  return { cursor: null, begunAt: isoOf(now), provenAt, files: 0, bytes: 0, against }
}

/**
 * Notes how far a turn has come. Where a file is in doubt, the mirror is not proven.
 * @param cursor The last path that was compared; null at the end of the turn.
 */
export function noteTurn(
  target: Target,
  source: string,
  turn: MirrorProof,
  done: {
    cursor: Buffer | undefined | null
    files: number
    bytes: number
    unproven?: number
    doubtful: readonly unknown[]
  },
): void {
  const { cursor } = done
  const unproven = (turn.unproven ?? 0) + (done.unproven ?? 0) + done.doubtful.length
  const mirror: MirrorProof = {
    begunAt: turn.begunAt,
    // Before the first file, where it was.
    cursor: cursor === null ? null : (cursor?.toString('base64') ?? turn.cursor ?? ''),
    provenAt: cursor === null ? turn.begunAt : turn.provenAt,
    files: turn.files + done.files,
    bytes: turn.bytes + done.bytes,
    against: turn.against ?? 'archive',
    ...(unproven > 0 && { unproven }),
  }
  writeLedger(target.path, source, { ...readLedger(target.path, source), mirror })
}
