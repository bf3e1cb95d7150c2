import type { Config } from '../../config/config.ts'
import type { FleetHost, FleetHub } from '../../config/fleet.ts'
import type { Outbox } from '../../core/bus/sqlite/fleet/outbox.ts'
import { systemClock } from '../../core/clock.ts'
import { reasonOf } from '../../errors.ts'
import { hostDoor } from '../../host/fleet/credentials.ts'
import { HubFolder } from '../../host/fleet/hub-folder.ts'
import { version } from '../../version.ts'
import type { Engine } from '../engine.ts'
import { Bridge, type BridgeOptions } from './bridge.ts'
import { Hub } from './hub.ts'

/** What this process does for its fleet. */
export interface FleetPart {
  /** Whether the hub has confirmed all that this host has to tell, or does within a time; true on a hub. */
  emptied(withinMs: number): Promise<boolean>
  /** Does not wait for the next attempt to reach the server. */
  hurry(): void
  /** Gives the connection back; to be called before the engine is stopped. */
  stop(): Promise<void>
}

export type FleetEngine = Pick<Engine, 'bus' | 'fleet' | 'registry' | 'listen'>

/**
 * Begins what the config gives this machine to do in a fleet. No backup depends on it: what keeps it from beginning is noted.
 * @returns undefined where it could not begin.
 */
export async function startFleetPart(
  fleet: NonNullable<Config['fleet']>,
  engine: FleetEngine,
  note: (message: string) => void,
  pauses?: BridgeOptions['pauses'],
): Promise<FleetPart | undefined> {
  const paused = pauses && { pauses }
  try {
    return fleet.role === 'hub'
      ? startHub(fleet, engine, { note, ...paused })
      : startHost(fleet, engine, { note, ...paused })
  } catch (error) {
    note(`fleet: ${reasonOf(error)}`)
    return undefined
  }
}

type Common = Pick<BridgeOptions, 'note' | 'pauses'>

function startHub(fleet: FleetHub, { bus, fleet: store, registry }: FleetEngine, common: Common): FleetPart {
  const folder = new HubFolder(fleet.folder)
  const hub = new Hub({
    ...common,
    ...store,
    bus,
    registry,
    clock: systemClock,
    folder,
    door: folder.door(fleet),
  })
  hub.start()
  return { emptied: async () => true, hurry() {}, stop: () => hub.stop() }
}

/** The bridge of a host to its hub, which has begun. */
export function startBridge(fleet: FleetHost, outbox: Outbox, common: Common): Bridge {
  const about = { version: version(), labels: fleet.labels, silentAfterMs: fleet.silentAfterMs }
  const bridge = new Bridge({ ...common, outbox, door: () => hostDoor(fleet), about })
  bridge.start()
  return bridge
}

function startHost(
  fleet: FleetHost,
  { fleet: { outbox }, listen }: FleetEngine,
  common: Common,
): FleetPart | undefined {
  if (!outbox) return undefined
  const bridge = startBridge(fleet, outbox, common)
  const unlisten = listen({ onEvent: () => bridge.wake() })
  return {
    emptied: (withinMs) => bridge.emptied(withinMs),
    hurry: () => bridge.hurry(),
    async stop() {
      unlisten()
      await bridge.stop()
    },
  }
}
