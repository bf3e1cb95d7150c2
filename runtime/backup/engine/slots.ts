import { slotAwaited } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import type { KeeperOptions, SlotKeeper } from '../fleet/slots/keeper.ts'

/** Makes what has runs wait for a slot, from the parts of an engine. */
export type MakeKeeper = (parts: Omit<KeeperOptions, 'slot' | 'asker'>) => SlotKeeper

/** Nothing of it is loaded without `fleet.slot` in the config. */
export async function slotKeeper({ fleet }: Pick<Config, 'fleet'>): Promise<MakeKeeper | undefined> {
  if (fleet?.role !== 'host' || !fleet.slot) return undefined
  const { slot } = fleet
  const [{ SlotKeeper }, { SlotAsker }, { hostDoor }] = await Promise.all([
    import('../fleet/slots/keeper.ts'),
    import('../fleet/slots/asker.ts'),
    import('../../host/fleet/credentials.ts'),
  ])
  return (parts) => {
    const { note } = parts
    const asker: KeeperOptions['asker'] = (onAnswer) =>
      new SlotAsker({ server: slot.server, door: () => hostDoor(fleet), note, onAnswer })
    return new SlotKeeper({ ...parts, slot, asker })
  }
}

/** No more than these wait for a slot. */
const mostWaiting = 100

/** Runs that waited for a slot when the last process left have their turn: whether they still wait is found out anew. */
export async function giveTurnAgain(bus: EventBus): Promise<void> {
  const waits = bus.events({ types: [slotAwaited.type], newestFirst: true, limit: mostWaiting })
  if (waits.length === 0) return
  const held = new Set(bus.heldRuns())
  for (const { runid } of waits) if (runid && held.has(runid)) await bus.holdBack(runid)
}
