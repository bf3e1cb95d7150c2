import type { Engine } from '../../backup/engine.ts'
import type { FleetPart, PartOptions } from '../../backup/fleet/start-part.ts'
import type { Config } from '../../config/config.ts'

/** What a process does for its fleet; nothing is loaded for it without `fleet` in the config. */
export async function fleetPart(
  config: Config,
  engine: Engine,
  note: (message: string) => void,
  options: PartOptions,
): Promise<FleetPart | undefined> {
  const { fleet } = config
  if (!fleet) return undefined
  const { startFleetPart } = await import('../../backup/fleet/start-part.ts')
  return startFleetPart({ ...config, fleet }, engine, note, options)
}

export interface Leaving {
  note(message: string): void
  /** How long the hub is waited for at most. */
  withinMs: number
  /** How many attempts to reach the server may fail in a row; any number unless given. */
  attempts: number
  /** Ends the wait. */
  signal: AbortSignal
}

/** Sends what the hub has not confirmed, before a process leaves; what is left goes with the next one. Never throws. */
export async function sendBeforeLeaving(
  config: Config,
  engine: Engine,
  { note, withinMs, attempts, signal }: Leaving,
): Promise<void> {
  const { outbox } = engine.fleet
  if (!outbox) return
  const part = await fleetPart(config, engine, note, { pauses: { attempts } })
  try {
    const ended = new Promise((resolve) => signal.addEventListener('abort', resolve))
    await Promise.race([part?.emptied(withinMs), ended])
  } finally {
    await part?.stop()
  }
}
