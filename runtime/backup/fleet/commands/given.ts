import { nanoid } from 'nanoid'
import {
  commandRefused,
  commandTaken,
  copyFailed,
  copyFinished,
  type DataOf,
  dataOf,
  drillFailed,
  drillFinished,
  type Envelope,
  fleetCommandGiven,
  fleetCommandWithdrawn,
  runEnds,
  toldByHost,
  verifyFailed,
  verifyFinished,
} from '../../../../events/index.ts'
import type { EventBus, Publication } from '../../../core/bus/bus.ts'
import { factPublication } from '../../../core/publication.ts'
import type { Registry } from '../../../core/registry/registry.ts'
import {
  answerId,
  type Command,
  cancelType,
  fleetVersion,
  heardSource,
  longestCommandMs,
} from '../../../fleet-protocol.ts'
import { signCommand } from '../../../host/fleet/command-key.ts'
import { isoOf } from '../../../instant.ts'

/**
 * How a command stands. `waiting`: the host has not answered. `taken`: it is at it. `succeeded` and the like: how that ended. `expired`: the
 * host has not been there in time.
 */
export type CommandState =
  | 'waiting'
  | 'taken'
  | 'refused'
  | 'withdrawn'
  | 'expired'
  | 'succeeded'
  | 'degraded'
  | 'held'
  | 'failed'
  | 'cancelled'

/** A command as the hub has it on record. Moments are ISO 8601, by the clock of the hub. */
export interface GivenCommand {
  id: string
  host: string
  type: string
  state: CommandState
  /** Why it is not done, where the host has said. */
  reason: string | null
  /** The run of the host that it has begun. */
  run: string | null
  givenAt: string
  expiresAt: string
}

/** What is asked of a host. */
export interface CommandWish {
  host: string
  type: string
  request: unknown
}

interface GiveOptions {
  /** The secret half of the hub's key, in PEM. */
  key: string
  registry: Registry
  forMs: number
  now: number
  /** So many of these hosts are at it at once at most, as far as they wait for slots. */
  atMost?: number | undefined
}

/** Signs commands, and has them put on record. */
export function givePublications(
  wishes: readonly CommandWish[],
  { key, registry, forMs, now, atMost }: GiveOptions,
): { ids: string[]; publications: Publication[] } {
  const issuedAt = isoOf(now)
  const expiresAt = isoOf(now + forMs)
  const cap = atMost === undefined ? {} : { atMost: { group: nanoid(), atMost } }
  const given = wishes.map(({ host, type, request }) => {
    const id = nanoid()
    const command: Command = { v: fleetVersion, host, id, type, request, issuedAt, expiresAt }
    const text = JSON.stringify(command)
    const data = { host, command: id, type, expiresAt, text, signature: signCommand(text, key), ...cap }
    return { id, publication: factPublication(registry, fleetCommandGiven, data, now) }
  })
  return { ids: given.map(({ id }) => id), publications: given.map(({ publication }) => publication) }
}

export type Bus = Pick<EventBus, 'events' | 'find'>

/** What has to be sent to hosts: commands that wait. @param host Only those of one. */
export function commandsToSend(bus: Bus, now: number, host?: string): DataOf<typeof fleetCommandGiven>[] {
  return recorded(bus, now, host).flatMap(({ given, answer }) =>
    answer === undefined && Date.parse(given.expiresAt) > now ? given : [],
  )
}

/** Commands that are not over, or were given in the last days, the oldest first. @param host Only those of one. */
export function givenCommands(bus: Bus, now: number, host?: string): GivenCommand[] {
  const records = recorded(bus, now, host)
  const ends = endsOf(bus, records)
  return records.map(({ given, givenAt, answer }) => {
    const { host: of, command: id, type, expiresAt } = given
    const run = answer?.run ?? null
    const end = run === null ? undefined : ends.get(`${of} ${run}`)
    const unanswered = Date.parse(expiresAt) <= now ? 'expired' : 'waiting'
    const state = end?.state ?? answer?.state ?? unanswered
    const reason = end?.reason ?? answer?.reason ?? null
    return { id, host: of, type, state, reason, run, givenAt, expiresAt }
  })
}

interface CommandRecord {
  given: DataOf<typeof fleetCommandGiven>
  givenAt: string
  answer: Answer | undefined
}

const recordTypes = [fleetCommandGiven, fleetCommandWithdrawn].map(({ type }) => type)

/** What a hub has given, with the answers. Those are looked up by their ids: a host can tell any number of things. */
function recorded(bus: Bus, now: number, host?: string): CommandRecord[] {
  const about = host === undefined ? {} : { subject: host }
  // One that is older has expired.
  const events = bus.events({ types: recordTypes, since: isoOf(now - longestCommandMs), ...about })
  const withdrawn = new Set(events.flatMap((event) => dataOf(fleetCommandWithdrawn, event)?.command ?? []))
  return events.flatMap((event) => {
    const given = dataOf(fleetCommandGiven, event)
    if (!given) return []
    // What a host has said counts for more than that the hub has sent it no more.
    const unsaid: Answer | undefined = withdrawn.has(given.command) ? { state: 'withdrawn' } : undefined
    return { given, givenAt: event.time, answer: saidOf(given, bus) ?? unsaid }
  })
}

export interface Answer {
  state: CommandState
  run?: string | null
  reason?: string
}

/** What the host has answered: it alone tells under its name. */
export function saidOf({ host, command }: DataOf<typeof fleetCommandGiven>, bus: Bus): Answer | undefined {
  const event = bus.find(heardSource(host), answerId(command))
  const told = event && toldByHost(event)
  if (!told) return undefined
  const taken = dataOf(commandTaken, told.event)
  // What begins no run is done.
  if (taken?.command === command) return { state: taken.run === null ? 'succeeded' : 'taken', run: taken.run }
  const refused = dataOf(commandRefused, told.event)
  return refused?.command === command ? { state: 'refused', reason: clipped(refused.reason) } : undefined
}

const endTypes = [
  ...runEnds,
  verifyFinished,
  verifyFailed,
  drillFinished,
  drillFailed,
  copyFinished,
  copyFailed,
].map(({ type }) => `fleet.${type}`)

/** So many of the last ends of a host are looked at. */
const lookedAt = 100
/** And so many of all hosts at once. */
const lookedAtOfAll = 5000

type End = Pick<GivenCommand, 'state' | 'reason'>

/**
 * How the runs of commands have ended, by host and run. Where hosts have told more than is looked at, each is looked at by itself: one that
 * tells without end hides its own ends alone.
 */
function endsOf(bus: Bus, records: readonly CommandRecord[]): Map<string, End> {
  const begun = records.filter(({ answer }) => typeof answer?.run === 'string')
  const [oldest] = begun
  if (!oldest) return new Map()
  const types = endTypes
  const hosts = [...new Set(begun.map(({ given }) => given.host))]
  const [only] = hosts
  const filter = { types, newestFirst: true, ...(hosts.length === 1 && only && { subject: only }) }
  const events = bus.events({ ...filter, since: oldest.givenAt, limit: lookedAtOfAll })
  const ends = endsIn(events)
  if (events.length < lookedAtOfAll) return ends
  const open = begun.filter(({ given, answer }) => !ends.has(`${given.host} ${answer?.run}`))
  const more = [...new Set(open.map(({ given }) => given.host))].map((subject) =>
    endsIn(bus.events({ ...filter, since: oldest.givenAt, subject, limit: lookedAt })),
  )
  return new Map([...more.flatMap((one) => [...one]), ...ends])
}

function endsIn(events: readonly Envelope[]): Map<string, End> {
  return new Map(
    events.flatMap((event) => {
      const told = toldByHost(event)
      return told?.event.runid ? [[`${told.host} ${told.event.runid}`, endOf(told.event)] as const] : []
    }),
  )
}

function endOf({ type, data }: Envelope): Pick<GivenCommand, 'state' | 'reason'> {
  const { state, reason, sources } = (data ?? {}) as Partial<Record<string, unknown>>
  const isEnd = (value: unknown): value is CommandState => endStates.some((known) => known === value)
  const failed = type.endsWith('.failed') ? 'failed' : 'succeeded'
  const why = textOf(reason) ?? reasonIn(sources)
  return { state: isEnd(state) ? state : failed, reason: why === null ? null : clipped(why) }
}

const endStates: readonly CommandState[] = ['succeeded', 'degraded', 'held', 'failed', 'cancelled']

/** Reasons are of any length: a host may have been taken over. */
const clipped = (text: string) => text.slice(0, 1000)

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)

/** The first reason that a source gives. */
function reasonIn(sources: unknown): string | null {
  if (!Array.isArray(sources)) return null
  const told = sources.flatMap((one: { source?: unknown; error?: unknown } | null) => {
    const [source, error] = [textOf(one?.source), textOf(one?.error)]
    return error === undefined ? [] : [`${source ?? 'a source'}: ${error}`]
  })
  return told[0] ?? null
}

/** The run in which a host has told that a source of it is held; null where its last run has not. */
export function heldRunOf(bus: Bus, host: string, source: string): string | null {
  const types = runEnds.map(({ type }) => `fleet.${type}`)
  for (const event of bus.events({ types, subject: host, newestFirst: true, limit: lookedAt })) {
    const told = toldByHost(event)?.event
    const end = told && runEnds.map((one) => dataOf(one, told)).find((data) => data !== undefined)
    const found = end?.sources.find((one) => one.source === source)
    if (end && found) return found.state === 'held' ? end.run : null
  }
  return null
}

/** Ends commands: those that wait are sent no more, and hosts are told in any case. What has ended is left. */
export function cancelPublications(
  commands: readonly GivenCommand[],
  options: Parameters<typeof givePublications>[1],
): { ids: string[]; publications: Publication[] } {
  const open = commands.filter(({ type, state }) => isOpen(state) && type !== cancelType)
  const { publications } = givePublications(
    open.map(({ host, id, type }) => ({ host, type: cancelType, request: { command: id, type } })),
    options,
  )
  const withdrawn = withdrawPublications(open, options)
  return { ids: open.map(({ id }) => id), publications: [...withdrawn.publications, ...publications] }
}

/** Sends what waits no more. */
export function withdrawPublications(
  commands: readonly GivenCommand[],
  { registry, now }: Pick<Parameters<typeof givePublications>[1], 'registry' | 'now'>,
): { ids: string[]; publications: Publication[] } {
  const waiting = commands.filter(({ state }) => state === 'waiting')
  const publications = waiting.map(({ host, id }) =>
    factPublication(registry, fleetCommandWithdrawn, { host, command: id }, now),
  )
  return { ids: waiting.map(({ id }) => id), publications }
}

/** Whether it is not over. */
export function isOpen(state: CommandState): boolean {
  return state === 'waiting' || state === 'taken'
}
