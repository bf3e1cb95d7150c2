import type { Envelope } from '../../events/envelope.ts'
import type { Progress } from '../progress.ts'

/** Told of what happens, as it happens; for views. Nothing depends on it. */
export interface EngineObserver {
  onEvent?(event: Envelope): void
  onProgress?(event: Envelope, progress: Progress): void
  onWarning?(message: string): void
}

/** One observer that tells any number of others. What one of them throws harms nobody. */
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
        // Whoever looks on must not stop what goes on.
      }
    }
  }
  return {
    observer: {
      onEvent: (event) => tell((observer) => observer.onEvent?.(event)),
      onProgress: (event, progress) => tell((observer) => observer.onProgress?.(event, progress)),
      onWarning: (message) => tell((observer) => observer.onWarning?.(message)),
    },
    listen(observer) {
      observers.add(observer)
      return () => void observers.delete(observer)
    },
  }
}
