import { type EventDefinition, sourceFailed } from '../../events/index.ts'
import type { Emit } from '../core/function.ts'
import { CancelledError, HdsyncError, reasonOf } from '../errors.ts'

/** Says that these sources have failed, as a step of theirs was given up. */
export function failSources(
  { type: step }: EventDefinition,
  sources: readonly string[],
  error: Error,
  emit: Emit<readonly [typeof sourceFailed]>,
): void {
  const cancelled = error instanceof CancelledError
  const cause = error instanceof HdsyncError ? error.kind : undefined
  for (const source of sources) {
    emit(sourceFailed, {
      source,
      step,
      reason: reasonOf(error),
      cancelled,
      ...(cause !== undefined && { cause }),
    })
  }
}
