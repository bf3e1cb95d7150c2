import { type Envelope, runEnds } from '../../events/index.ts'
import type { LoggedEvent } from '../core/bus/journal.ts'
import type { Clock } from '../core/clock.ts'
import type { Progress } from '../progress.ts'
import type { HttpEngine } from './context.ts'
import { findRun, resultOf } from './run-results.ts'

/** How often something is sent, so that proxies and readers know that the stream is alive. */
export const heartbeatMs = 15_000
/** A reader that has not taken what is there for so long is dropped. */
export const patienceMs = 30_000
/** The id of the last message: whoever comes back with it has seen it all. */
export const endId = 'end'

const endTypes = new Set<string>(runEnds.map(({ type }) => type))
const pageSize = 50
const utf8 = new TextEncoder()

export interface StreamOptions {
  engine: Pick<HttpEngine, 'bus' | 'journal' | 'listen' | 'ended'>
  runId: string
  /** Begins after the event of this number; with the first one unless given. */
  after?: number | undefined
  clock: Clock
  /** Ends the stream. */
  closing: AbortSignal
  /** Called when the reader is given up, to cut the connection. */
  drop?: (() => void) | undefined
  /** Called once, however it ends. */
  ended?: (() => void) | undefined
}

/**
 * A run as server-sent events: an `event` message for each event, `progress` as it goes, and `end` with the result.
 * A message is made when the reader asks for it, from what is on the bus: a slow reader costs no memory, and of
 * progress it gets the newest alone.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function runStream(options: StreamOptions): ReadableStream<Uint8Array> {
  const { engine, runId, clock, closing } = options
  let last = options.after ?? 0
  let page: LoggedEvent[] = []
  let progress: { event: Envelope; progress: Progress } | undefined
  let state: 'begins' | 'goes on' | 'has ended' | 'is over' = 'begins'
  let wake = () => {}
  let stopWaiting = () => {}

  const unlisten = engine.listen({
    onEvent: (event) => event.runid === runId && wake(),
    onProgress: (event, now) => {
      if (event.runid !== runId) return
      progress = { event, progress: now }
      wake()
    },
  })
  // No event tells of the end of a run that is no backup.
  let hasEnded = false
  engine.ended(runId).then(
    () => {
      hasEnded = true
      wake()
    },
    () => {},
  )
  const over = () => {
    if (state === 'is over') return
    state = 'is over'
    stopWaiting()
    unlisten()
    closing.removeEventListener('abort', over)
    options.ended?.()
    wake()
  }
  closing.addEventListener('abort', over)

  const next = (): string | undefined => {
    if (state === 'begins') {
      state = 'goes on'
      return 'retry: 1000\n\n'
    }
    if (state === 'has ended') {
      over()
      return message('end', resultOf(engine, findRun(engine, runId)), endId)
    }
    if (page.length === 0) page = engine.journal.search({ runId, after: last, limit: pageSize, oldest: true })
    const logged = page.shift()
    if (logged) {
      last = logged.seq
      if (endTypes.has(logged.event.type)) state = 'has ended'
      return message('event', logged.event, String(last))
    }
    // Also where the reader has come back with the number of the very last event.
    if (hasEnded || engine.journal.run(runId)?.end) {
      state = 'has ended'
      return next()
    }
    if (!progress) return undefined
    const newest = progress
    progress = undefined
    return message('progress', newest)
  }

  return new ReadableStream(
    {
      async pull(controller) {
        stopWaiting()
        let text = next()
        while (text === undefined && !isOver()) {
          const { promise, resolve } = Promise.withResolvers<string | undefined>()
          wake = () => resolve(undefined)
          stopWaiting = clock.schedule(heartbeatMs, () => resolve(': still here\n\n'))
          text = (await promise) ?? next()
          stopWaiting()
        }
        if (text === undefined) return controller.close()
        controller.enqueue(utf8.encode(text))
        if (isOver()) return controller.close()
        stopWaiting = clock.schedule(patienceMs, () => {
          over()
          if (options.drop) options.drop()
          else controller.error(new Error('the reader is too slow'))
        })
      },
      cancel: over,
    },
    { highWaterMark: 0 },
  )

  // Behind a function, as the state changes while `pull` waits.
  function isOver(): boolean {
    return state === 'is over'
  }
}

function message(name: string, data: unknown, id?: string): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`
}
