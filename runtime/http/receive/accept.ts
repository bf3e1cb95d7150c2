import { RejectedEventError } from '../../core/intake.ts'
import type { HttpEngine } from '../context.ts'
import { Problem, type ProblemName } from '../problem.ts'
import type { IncomingEvent } from './cloudevents.ts'
import { pointerTo } from './cloudevents.ts'

/** What became of an event that was sent: an event that was there already belongs to the run of the first one. */
export interface Accepted {
  run: string
  id: string
  duplicate: boolean
  joined?: true
}

const problemOf = {
  'unknown-type': 'unknown-event-type',
  'not-triggerable': 'not-triggerable',
  'invalid-data': 'invalid-data',
  'invalid-event': 'invalid-event',
} as const satisfies Record<RejectedEventError['reason'], ProblemName>

/**
 * Puts events from outside on the bus: all of them, or none when one is not right. What it answers is durable.
 * @param batched Whether the events stand in a list, for the places in messages.
 * @throws {Problem} An event is of an unknown type, may not be triggered, or its data does not fit.
 */
export async function accept(
  events: readonly IncomingEvent[],
  engine: Pick<HttpEngine, 'prepare'>,
  batched = false,
): Promise<Accepted[]> {
  const puts = events.map((event, index) => {
    try {
      return engine.prepare(event)
    } catch (error) {
      throw error instanceof RejectedEventError ? rejected(error, batched ? `/${index}` : '') : error
    }
  })
  // Asked for in the same turn of the loop, they share one commit.
  const receipts = await Promise.all(puts.map((put) => put()))
  return receipts.map(({ runId, eventId, duplicate, joined }) => ({
    run: runId,
    id: eventId,
    duplicate,
    ...(joined && { joined }),
  }))
}

function rejected({ reason, message, hint, issues }: RejectedEventError, at: string): Problem {
  const within = reason === 'invalid-event' ? at : `${at}/data`
  const errors =
    issues.length > 0
      ? issues.map(({ path, message }) => ({ pointer: pointerTo(within, path), detail: message }))
      : [{ pointer: `${at}/type`, detail: message }]
  return new Problem(problemOf[reason], `${errors[0]?.pointer}: ${message}`, { hint, errors })
}
