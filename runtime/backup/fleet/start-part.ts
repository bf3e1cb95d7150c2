import { hostname } from 'node:os'
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
import type { HubCommands } from './commands/hub-commands.ts'
import { Obeyer, type ObeyingEngine } from './commands/obey.ts'
import { takePushed } from './commands/take-pushed.ts'
import { Hub } from './hub.ts'
import { isEndOfRun, ToldDisks } from './told-disks.ts'

/** What this process does for its fleet. */
export interface FleetPart {
  /** Whether the hub has confirmed all that this host has to tell, or does within a time; true on a hub. */
  emptied(withinMs: number): Promise<boolean>
  /** Does not wait for the next attempt to reach the server. */
  hurry(): void
  /** On a hub: what it asks of its hosts. */
  readonly commands?: HubCommands
  /** On a host: does no more from now on of what another config does not obey, before that is taken. */
  obeyOnly?(fleet: Config['fleet']): void
  /** Gives the connection back; to be called before the engine is stopped. */
  stop(): Promise<void>
}

export type FleetEngine = ObeyingEngine & Pick<Engine, 'listen'>

export interface PartOptions {
  pauses?: BridgeOptions['pauses']
  /** Whether this process does what the hub asks for: one that stays does. */
  obeys?: boolean
  /** Called when the hub has set something in the config, which has to be read anew. */
  onConfigured?(): void
}

/**
 * Begins what the config gives this machine to do in a fleet. No backup depends on it: what keeps it from beginning is noted.
 * @returns undefined where it could not begin.
 */
export async function startFleetPart(
  { fleet, ...rest }: Config & { fleet: NonNullable<Config['fleet']> },
  engine: FleetEngine,
  note: (message: string) => void,
  { pauses, obeys = false, onConfigured = () => {} }: PartOptions = {},
): Promise<FleetPart | undefined> {
  const common = { note, ...(pauses && { pauses }) }
  try {
    return fleet.role === 'hub'
      ? startHub(fleet, engine, { ...common, keepMs: rest.keep })
      : await startHost({ ...rest, fleet }, engine, { ...common, obeys, onConfigured })
  } catch (error) {
    note(`fleet: ${reasonOf(error)}`)
    return undefined
  }
}

/** What a host says that it backs up, where to, and copies; and how long it remembers. */
type Names = Pick<Config, 'sources' | 'copies' | 'keep' | 'targets' | 'archive'>
/** The config of a host. */
export type HostConfig = Names & { fleet: FleetHost }
type Common = Pick<BridgeOptions, 'note' | 'pauses' | 'onCommand' | 'disks'>

function startHub(
  fleet: FleetHub,
  { bus, fleet: store, registry }: FleetEngine,
  common: Common & { keepMs: number },
): FleetPart {
  const folder = new HubFolder(fleet.folder)
  const hub = new Hub({
    ...common,
    ...store,
    bus,
    registry,
    // A copy of a store is on another machine.
    id: `${store.inbox.store}@${hostname()}`,
    name: hostname(),
    clock: systemClock,
    folder,
    slots: fleet.slots,
    door: folder.door(fleet),
  })
  hub.start()
  return { emptied: async () => true, hurry() {}, commands: hub.commands, stop: () => hub.stop() }
}

/** The bridge of a host to its hub, which has begun. */
export function startBridge(config: HostConfig, outbox: Outbox, common: Common): Bridge {
  const { fleet } = config
  const { labels, silentAfterMs, obeys, slot } = fleet
  const sources = Object.keys(config.sources)
  const copies = Object.keys(config.copies ?? {})
  const isFew = sources.length <= mostNames && copies.length <= mostNames
  const about = {
    ...{ version: version(), labels, silentAfterMs, obeys },
    ...(isFew && { sources, copies }),
    ...(slot && { slot: slot.server }),
  }
  const bridge = new Bridge({ ...common, outbox, door: () => hostDoor(fleet), about })
  bridge.start()
  return bridge
}

async function startHost(
  config: Config & { fleet: FleetHost },
  engine: FleetEngine,
  { obeys, onConfigured, ...common }: Common & { obeys: boolean; onConfigured: () => void },
): Promise<FleetPart | undefined> {
  const { outbox } = engine.fleet
  if (!outbox) return undefined
  const terms = { obeys: config.fleet.obeys, keepMs: config.keep }
  const configure = (request: unknown) => {
    if (takePushed(request, config, Date.now())) onConfigured()
  }
  const obeyer = obeys ? new Obeyer(engine, terms, { note: common.note, configure }) : undefined
  const disks = new ToldDisks(config, engine.bus)
  await disks.look()
  const bridge = startBridge(config, outbox, {
    ...common,
    disks: () => disks.known,
    ...(obeyer && { onCommand: (bytes, door) => obeyer.take(bytes, door) }),
  })
  const unlisten = engine.listen({
    onEvent(event) {
      if (isEndOfRun(event)) void disks.look().then(() => bridge.wake())
      else bridge.wake()
    },
  })
  return {
    emptied: (withinMs) => bridge.emptied(withinMs),
    hurry: () => bridge.hurry(),
    obeyOnly: (fleet) => obeyer?.obeyOnly(fleet?.role === 'host' ? fleet.obeys : []),
    async stop() {
      unlisten()
      await bridge.stop()
      await obeyer?.settled()
    },
  }
}
