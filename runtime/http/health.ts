import type { AppContext } from './context.ts'
import { type Answer, answerJson } from './exchange.ts'
import { Problem, storeFailed } from './problem.ts'

/** `GET /healthz`. */
export function tellAlive({ version }: AppContext): Answer {
  return answerJson({ status: 'ok', version })
}

/** `GET /readyz`. @throws {Problem} No events are taken. */
export function tellReady({ engine, version, closing }: AppContext): Answer {
  const reason = engine.unready()
  if (reason) throw storeFailed(reason)
  if (closing.aborted) throw new Problem('unavailable', 'hdsync is stopping')
  return answerJson({ status: 'ok', version })
}
