import type { Source } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { leftOutText } from '../../host/mirror/rsync-errors.ts'
import type { SyncOutcome } from '../../host/mirror/rsync-exit-codes.ts'

/**
 * The warning about copies that are good but for some entries.
 * @param mirror The folder of the mirror.
 * @throws {TerminalError} Something has moved in a snapshot: it is not one.
 */
export function syncWarning(
  source: Source,
  mirror: string,
  outcomes: readonly (SyncOutcome | undefined)[],
): string | undefined {
  const leftOut = outcomes
    .map((outcome) => (outcome && 'leftOut' in outcome ? outcome.leftOut : undefined))
    .find((one) => one !== undefined)
  const moved =
    outcomes.some((outcome) => outcome?.kind === 'vanished') ||
    leftOut?.kinds.some(({ kind }) => kind === 'changed' || kind === 'vanished')
  if (moved && source.kind === 'lv') {
    throw new TerminalError('files vanished from the snapshot while it was copied')
  }
  if (leftOut) return leftOutText(leftOut, source.name, mirror)
  return moved ? 'some files vanished while they were copied (rsync ended with exit code 24)' : undefined
}
