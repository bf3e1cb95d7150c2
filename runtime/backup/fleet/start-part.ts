import type { Config } from '../../config/config.ts'
import type { FleetHost, FleetHub } from '../../config/fleet.ts'
import type { Outbox } from '../../core/bus/sqlite/fleet/outbox.ts'
import { systemClock } from '../../core/clock.ts'
import { reasonOf } from '../../errors.ts'
import { mostNames } from '../../fleet-protocol.ts'
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
  { fleet, ...names }: Names & { fleet: NonNullable<Config['fleet']> },
  engine: FleetEngine,
  note: (message: string) => void,
  pauses?: BridgeOptions['pauses'],
): Promise<FleetPart | undefined> {
  const paused = pauses && { pauses }
  try {
    return fleet.role === 'hub'
      ? startHub(fleet, engine, { note, ...paused })
      : startHost({ ...names, fleet }, engine, { note, ...paused })
  } catch (error) {
    note(`fleet: ${reasonOf(error)}`)
    return undefined
  }
}

/** What a host says that it backs up, and copies. */
type Names = Pick<Config, 'sources' | 'copies'>
/** The config of a host. */
export type HostConfig = Names & { fleet: FleetHost }
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
export function startBridge(config: HostConfig, outbox: Outbox, common: Common): Bridge {
  const { fleet } = config
  const { labels, silentAfterMs } = fleet
  const sources = Object.keys(config.sources)
  const copies = Object.keys(config.copies ?? {})
  const isFew = sources.length <= mostNames && copies.length <= mostNames
  const about = { version: version(), labels, silentAfterMs, ...(isFew && { sources, copies }) }
  const bridge = new Bridge({ ...common, outbox, door: () => hostDoor(fleet), about })
  bridge.start()
  return bridge
}

function startHost(
  config: HostConfig,
  { fleet: { outbox }, listen }: FleetEngine,
  common: Common,
): FleetPart | undefined {
  if (!outbox) return undefined
  const bridge = startBridge(config, outbox, common)
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
