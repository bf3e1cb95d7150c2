import type { PageContext } from '../context.ts'

/** So that proxies and readers know that the stream is alive. */
const heartbeatMs = 15_000
/** Of a burst of events one message is enough: the view is drawn again as a whole. */
const pauseMs = 500

/**
 * Tells a browser, as server-sent events, that something has been put on the bus. What it was, the view says.
 * @param ended Called once, however it ends.
 */
export function tellOfEvents(
  { engine, clock, closing }: PageContext,
  ended: () => void,
): ReadableStream<Uint8Array> {
  const utf8 = new TextEncoder()
  let clear = () => {}
  let unlisten = () => {}
  let over = () => {}
  return new ReadableStream({
    start(controller) {
      let isDue = false
      const send = (text: string) => {
        isDue = false
        clear()
        controller.enqueue(utf8.encode(text))
        clear = clock.schedule(heartbeatMs, () => send(': still here\n\n'))
      }
      unlisten = engine.listen({
        onEvent() {
          if (isDue) return
          isDue = true
          clear()
          clear = clock.schedule(pauseMs, () => send('event: event\ndata: {}\n\n'))
        },
      })
      over = () => {
        clear()
        unlisten()
        closing.removeEventListener('abort', stop)
        ended()
      }
      const stop = () => {
        over()
        controller.close()
      }
      closing.addEventListener('abort', stop)
      send('retry: 2000\n\n')
    },
    cancel: () => over(),
  })
}
