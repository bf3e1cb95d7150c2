import { type DataOf, type Envelope, fleetPaused } from '../../../../events/index.ts'
import type { EventBus } from '../../../core/bus/bus.ts'

/** What is paused: everything, the slots of a backup server and the hosts that use them, or the hosts with a label. */
export type PauseOf = { of: 'all' } | { of: 'server' | 'label'; name: string }

/** A pause as it is on record. `name` is empty where `of` is `all`; `since` is ISO 8601, by the clock of the hub. */
export type FleetPause = DataOf<typeof fleetPaused>['pauses'][number]

/** What hubs have said last of what is paused: another one that was away may tell only now of what it said before. */
export function lastPaused(bus: Pick<EventBus, 'events'>): Envelope | undefined {
  const all = bus.events({ types: [fleetPaused.type] })
  return all.reduce<Envelope | undefined>(
    (last, one) => (last && last.time > one.time ? last : one),
    undefined,
  )
}

/** With one more. Safe to repeat: since when it is so stays. @param at ISO 8601. */
export function withPause(pauses: readonly FleetPause[], what: PauseOf, at: string): FleetPause[] {
  return pauses.some((one) => isThe(one, what))
    ? [...pauses]
    : [...pauses, { of: what.of, name: nameOf(what), since: at }]
}

/** Without one; without any, where everything goes on. */
export function withoutPause(pauses: readonly FleetPause[], what: PauseOf): FleetPause[] {
  return what.of === 'all' ? [] : pauses.filter((one) => !isThe(one, what))
}

/** The pause that holds for a host, if one does. */
export function pauseFor(
  pauses: readonly FleetPause[],
  { labels, server }: { labels: readonly string[]; server: string | undefined },
): FleetPause | undefined {
  return pauses.find(({ of, name }) =>
    of === 'all' ? true : of === 'server' ? name === server : labels.includes(name),
  )
}

const nameOf = (what: PauseOf) => (what.of === 'all' ? '' : what.name)

function isThe({ of, name }: FleetPause, what: PauseOf): boolean {
  return of === what.of && name === nameOf(what)
}
