import type { HubRole, OtherHub } from '../../../core/bus/sqlite/fleet/inbox.ts'
import { localMinute } from '../../../instant.ts'

/** How a hub stands. */
export const hubStates = ['acts', 'standby', 'gone'] as const

export interface HubStanding {
  hub: string
  state: (typeof hubStates)[number]
}

/** How the hubs of a fleet stand, as one of them knows; none before it has been at work. @param own The machine of that one. */
export function hubsOf(role: HubRole | undefined, own: string): HubStanding[] {
  if (!role) return []
  const others = (role.others ?? []).map(({ hub, isGone }): HubStanding => {
    const isActive = !role.isActive && hub === role.active
    return { hub, state: isGone ? 'gone' : isActive ? 'acts' : 'standby' }
  })
  const isListed = role.isActive || others.some(({ hub }) => hub === role.active)
  // A hub of an older hdsync does not say that it is there.
  const active: HubStanding[] = isListed || role.active === null ? [] : [{ hub: role.active, state: 'acts' }]
  return [{ hub: own, state: role.isActive ? 'acts' : 'standby' }, ...active, ...others]
}

/** Those of which nothing is heard any more. */
export function goneHubs(role: HubRole | undefined): OtherHub[] {
  return (role?.others ?? []).filter(({ isGone }) => isGone)
}

/** What there is to say of one that is gone. */
export function goneText({ hub, heardAt }: OtherHub): string {
  return `nothing is heard of the hub ${hub} since ${localMinute(Date.parse(heardAt))}`
}
