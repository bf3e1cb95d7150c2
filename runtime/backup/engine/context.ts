import type { Config } from '../../config/config.ts'
import type { Journal } from '../../core/bus/journal.ts'
import type { Clock } from '../../core/clock.ts'
import type { EngineObserver } from '../../core/observers.ts'
import type { KeptResults } from '../../core/once.ts'
import type { ContextFactory } from '../../core/worker.ts'
import { createHost, type Host, type HostOptions } from '../../host/host.ts'

export interface ContextOptions {
  config: Config
  clock: Clock
  observer: EngineObserver
  journal: Journal
  hostOptions: Omit<HostOptions, 'observer' | 'signal'>
  /** Where what a delivery has done once is kept; nowhere unless given. */
  kept?: (deliveryId: number) => KeptResults
  /** Makes the box; the real one unless given. */
  host?: ((options: HostOptions) => Host) | undefined
}

/** What each function is given: the box with its commands on record, and where to say things. */
export function contextFactory(options: ContextOptions): ContextFactory {
  const { config, observer, clock, journal, hostOptions, host = createHost } = options
  // Each delivery of a run asks for its start.
  let begun: { id: string; startedAt: number } | undefined
  const startOf = (runId: string): number => {
    if (begun?.id !== runId) begun = journal.run(runId)
    return begun?.startedAt ?? clock.now()
  }
  /** The journal is for people: a backup does not fail because a line of it cannot be written. */
  const keep = <T>(write: () => T): T | undefined => {
    try {
      return write()
    } catch (error) {
      observer.onWarning?.(`the journal could not be written: ${(error as Error).message}`)
      return undefined
    }
  }
  return (delivery, signal) => {
    const runId = delivery.event.runid ?? ''
    const note = { deliveryId: delivery.id, try: delivery.tries }
    const line = (level: 'info' | 'warn') => (message: string) => {
      keep(() => journal.log({ deliveryId: delivery.id, at: clock.now(), level, message }))
      observer.onLog?.(delivery, { level, message })
    }
    const box = host({
      ...hostOptions,
      signal,
      observer: {
        started: (argv) => keep(() => journal.commandStarted({ ...note, argv, startedAt: clock.now() })) ?? 0,
        ended: (id, end) => keep(() => journal.commandEnded(id, end)),
      },
    })
    return {
      host: box,
      ended: async () => box.programsEnded?.(),
      config,
      run: { id: runId, startedAt: startOf(runId) },
      log: { info: line('info'), warn: line('warn') },
      signal,
      clock,
      ...(options.kept && { kept: options.kept(delivery.id) }),
      progress: (progress) => observer.onProgress?.(delivery.event, progress),
    }
  }
}
