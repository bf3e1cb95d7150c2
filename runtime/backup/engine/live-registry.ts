import type { Clock } from '../../core/clock.ts'
import type { Registry } from '../../core/registry/registry.ts'
import type { LoadedRegistry } from '../load-functions.ts'

/** A registry that follows the files of the user's functions. What is asked of it is answered by what is loaded by then. */
export interface LiveRegistry extends Registry {
  refresh: NonNullable<Registry['refresh']>
  /** Waits until what has changed is in use, but not for long. */
  refreshed(): Promise<void>
  /** Looks now and then, also when nothing is asked of it. */
  follow(): void
  /** Ends the process of the user's functions. */
  close(): void
}

interface LiveOptions {
  /** Loads the functions again. */
  load(): Promise<LoadedRegistry>
  /** Told when others than before are in use. */
  onChanged(): void
  onWarning(message: string): void
  clock: Clock
}

/** How long whoever asks for something waits for functions that have changed. */
const patienceMs = 10_000
const lookMs = 60_000

/**
 * Loads functions again once their files have changed. What is going on ends with those that it has begun with.
 * @param first Those that are there at the beginning.
 */
export function liveRegistry(
  first: LoadedRegistry,
  { load, onChanged, onWarning, clock }: LiveOptions,
): LiveRegistry {
  let current = first
  const retired: LoadedRegistry[] = []
  let lookedAt = performance.now()
  let loading: Promise<void> | undefined
  let problem: string | undefined
  let clearLook = () => {}

  async function take(): Promise<void> {
    try {
      const next = await load()
      current.retire()
      retired.push(current)
      current = next
      problem = undefined
      onChanged()
    } catch (error) {
      const { message } = error as Error
      if (message !== problem) onWarning(`the functions are not loaded again: ${message}`)
      problem = message
    } finally {
      loading = undefined
    }
  }

  function refresh(withinMs = 0): Promise<void> | undefined {
    if (loading) return loading
    const now = performance.now()
    if (now - lookedAt < withinMs) return undefined
    lookedAt = now
    if (!current.isStale()) return undefined
    loading = take()
    return loading
  }

  function follow(): void {
    clearLook = clock.schedule(lookMs, () => {
      void refresh()
      follow()
    })
  }

  return {
    get functions() {
      return current.functions
    },
    get failures() {
      return current.failures
    },
    get disabled() {
      return current.disabled
    },
    get: (name) => current.get(name),
    handlersOf: (type, runId) => current.handlersOf(type, runId),
    event: (type) => current.event(type),
    events: () => current.events(),
    refresh,
    async refreshed() {
      const late = Promise.withResolvers<void>()
      const clear = clock.schedule(patienceMs, late.resolve)
      await Promise.race([refresh(), late.promise]).finally(clear)
    },
    follow,
    close() {
      clearLook()
      for (const one of [...retired, current]) one.close()
    },
  }
}
