import * as z from 'zod'
import { whenDue } from '../../backup/engine/when-due.ts'
import type { Engine } from '../../backup/engine.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { respond } from '../../http/respond.ts'

/** What somebody borrows the turn of a run for: to read backups, for which a run that is due does not wait long, or to change them. */
export const leaseKind = z.enum(['read', 'change'])
export type LeaseKind = z.output<typeof leaseKind>

/**
 * Lends another command the turn of a run, as server-sent events: `wait` with the run that is going on, if it is one, then `go`. The stream
 * ends when the turn is over; whoever borrowed it hangs up to give it back.
 * @param left Aborted when the borrower has hung up.
 */
export function lend(
  engine: Pick<Engine, 'bus' | 'current' | 'lend' | 'isLent'>,
  kind: LeaseKind,
  left: AbortSignal,
  clock: Clock = systemClock,
): Response {
  let end = () => {}
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const going = engine.current()
      if (going !== undefined || engine.isLent()) controller.enqueue(message('wait', { run: going ?? null }))
      const giveBack = await engine.lend()
      if (left.aborted) return giveBack()
      const onDue = () => {
        controller.close()
        end()
      }
      const stopWatching = kind === 'read' ? whenDue(engine, clock, onDue) : () => {}
      end = () => {
        stopWatching()
        left.removeEventListener('abort', end)
        giveBack()
      }
      left.addEventListener('abort', end)
      controller.enqueue(message('go', {}))
    },
    cancel: () => end(),
  })
  return respond(body, 200, { 'content-type': 'text/event-stream' })
}

function message(event: string, data: unknown): Uint8Array {
  return new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}
