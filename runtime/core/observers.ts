import type { Envelope } from '../../events/envelope.ts'
import type { Progress } from '../progress.ts'
import type { Delivery, Settlement } from './bus/bus.ts'
import type { LogLine } from './bus/journal.ts'

/** Told of what happens, for views. */
export interface EngineObserver {
  onEvent?(event: Envelope): void
  onProgress?(event: Envelope, progress: Progress): void
  onWarning?(message: string): void
  /** An attempt has ended, well or badly. */
  onSettled?(settlement: Settlement): void
  /** A function says something. */
  onLog?(delivery: Delivery, line: Pick<LogLine, 'level' | 'message'>): void
}

/** One observer that tells any number of others, whatever they throw. */
export function createObservers(first: EngineObserver = {}): {
  observer: Required<EngineObserver>
  listen(observer: EngineObserver): () => void
} {
  const observers = new Set([first])
  const tell = (call: (observer: EngineObserver) => void) => {
    for (const observer of [...observers]) {
      try {
        call(observer)
      } catch {
        // An observer must not stop the work.
      }
    }
  }
  return {
    observer: {
      onEvent: (event) => tell((observer) => observer.onEvent?.(event)),
      onProgress: (event, progress) => tell((observer) => observer.onProgress?.(event, progress)),
      onWarning: (message) => tell((observer) => observer.onWarning?.(message)),
      onSettled: (settlement) => tell((observer) => observer.onSettled?.(settlement)),
      onLog: (delivery, line) => tell((observer) => observer.onLog?.(delivery, line)),
    },
    listen(observer) {
      observers.add(observer)
      return () => void observers.delete(observer)
    },
  }
}
