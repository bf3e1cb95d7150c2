import { StoreError } from '../errors.ts'
import type { AppContext } from './context.ts'
import { Problem, storeFailed } from './problem.ts'

/** What is answered to a request that came to nothing. What is wrong with hdsync itself, and not with it, is told. */
export function failure(
  error: Error,
  method: string,
  path: string,
  { engine, onWarning }: Pick<AppContext, 'engine' | 'onWarning'>,
): Problem {
  if (error instanceof Problem) return error
  onWarning(`${method} ${path} failed: ${error.message}`)
  const failed = error instanceof StoreError ? error : engine.dispatcher.failed
  return failed
    ? storeFailed(failed)
    : new Problem('internal', 'the journal of the service says more: journalctl -u hdsync')
}
