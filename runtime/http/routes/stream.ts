import type { App, AppContext } from '../context.ts'
import { describe, runParameter } from '../describe.ts'
import { Problem } from '../problem.ts'
import { respond, respondEvents } from '../respond.ts'
import { findRun } from '../run-results.ts'
import { Capacity } from '../security/capacity.ts'
import { endId, runStream } from '../stream.ts'

/** Streams that may be open at once. */
const mostStreams = 64

const description = describe('followRun', {
  summary: 'Follow a run as server-sent events',
  description:
    'An `event` message for each event of the run (its id is a number that grows), `progress` messages without an id, and at last `end` with the result. A reader that comes back with `Last-Event-ID` goes on after it; one that has seen the end gets 204, and one that takes nothing for half a minute is dropped.',
  parameters: [
    runParameter,
    {
      name: 'Last-Event-ID',
      in: 'header',
      description: 'The id of the last message that was seen.',
      schema: { type: 'string' },
    },
  ],
  answers: {
    200: { description: 'The stream.', media: 'text/event-stream' },
    204: { description: 'There is nothing after the end.' },
  },
  problems: ['invalid-parameter', 'unknown-run', 'busy'],
})

export function streamRoutes(app: App, { engine, clock, closing }: AppContext): void {
  const capacity = new Capacity(mostStreams, 'open streams')
  app.get('/runs/:id/stream', description, (c) => {
    const run = findRun(engine, c.req.param('id'))
    const last = c.req.header('last-event-id')
    if (last === endId) return respond(null, 204)
    const after = last ? Number(last) : undefined
    if (after !== undefined && !Number.isSafeInteger(after)) {
      throw new Problem('invalid-parameter', `Last-Event-ID: ${JSON.stringify(last)} is the id of no message`)
    }
    const outgoing = c.env?.outgoing
    const stream = runStream({
      engine,
      runId: run.id,
      after,
      clock,
      closing,
      drop: outgoing && (() => void outgoing.destroy()),
      ended: capacity.enter(),
    })
    return respondEvents(stream)
  })
}
