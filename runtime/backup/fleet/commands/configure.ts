import { dataOf, fleetCommandGiven, fleetCommandWithdrawn } from '../../../../events/index.ts'
import { mostPushed, type Pushed, type PushedSet, pushRequest } from '../../../config/pushed/merge.ts'
import { UsageError } from '../../../errors.ts'
import { commandText, configSet } from '../../../fleet-protocol.ts'
import { type Bus, type CommandState, type CommandWish, saidOf } from './given.ts'

/** What a hub has set in the config of a host, as it has last asked for it. */
export interface SetThere extends Pushed {
  command: string
  /** When the hub asked for it. */
  at: string
  state: CommandState
  /** Why the host has refused it. */
  reason: string | null
}

/** How the settings of hosts are to change. */
export interface ConfigChange {
  set: PushedSet
  /** Keys that are to be as the host says. */
  unset: readonly string[]
  /** All of them. */
  clear: boolean
}

/** What hubs have asked a host to set, by their numbers, the last one first: what another hub gave may come here late. Refused, withdrawn or expired ones are among them. */
export function setThere(bus: Bus, host: string, now: number): SetThere[] {
  const types = [fleetCommandGiven, fleetCommandWithdrawn].map(({ type }) => type)
  const events = bus.events({ types, subject: host, newestFirst: true })
  const withdrawn = new Set(events.flatMap((event) => dataOf(fleetCommandWithdrawn, event)?.command ?? []))
  const all = events.flatMap((event) => {
    const given = dataOf(fleetCommandGiven, event)
    const asked = given?.type === configSet ? requestIn(given.text) : undefined
    if (!given || !asked) return []
    const { command, expiresAt } = given
    const open = Date.parse(expiresAt) <= now ? 'expired' : 'waiting'
    const answer = saidOf(given, bus)
    const state: CommandState = answer?.state ?? (withdrawn.has(command) ? 'withdrawn' : open)
    return [{ ...asked, command, at: event.time, state, reason: answer?.reason ?? null }]
  })
  return all.sort((one, other) => other.number - one.number)
}

/** What was not taken back or refused: that is what a change begins with. */
export function isMeant({ state }: Pick<SetThere, 'state'>): boolean {
  return state !== 'refused' && state !== 'withdrawn'
}

/** What to ask of hosts, for each all that is set there from then on. Numbers only grow, also where the clock was set back. @throws {UsageError} Too much. */
export function configWishes(
  hosts: readonly string[],
  { set, unset, clear }: ConfigChange,
  { bus, now }: { bus: Bus; now: number },
): CommandWish[] {
  return hosts.map((host) => {
    const before = setThere(bus, host, now)
    const number = Math.max(now, ...before.map((one) => one.number + 1))
    const kept = clear ? [] : (before.find(isMeant)?.set ?? [])
    const values = new Map(kept.map(({ key, value }) => [key, value]))
    for (const key of unset) values.delete(key)
    for (const { key, value } of set) values.set(key, value)
    if (values.size > mostPushed)
      throw new UsageError(`more than ${mostPushed} keys cannot be set on a host`, {
        hint: 'maxDelete sets that of all sources',
      })
    const request: Pushed = { number, set: [...values].map(([key, value]) => ({ key, value })) }
    return { host, type: configSet, request }
  })
}

function requestIn(text: string): Pushed | undefined {
  try {
    return pushRequest.safeParse(commandText.parse(JSON.parse(text)).request).data
  } catch {
    return undefined
  }
}
