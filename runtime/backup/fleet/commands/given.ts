import { nanoid } from 'nanoid'
import {
  type DataOf,
  dataOf,
  fleetCommandGiven,
  fleetCommandWithdrawn,
  runEnds,
  toldByHost,
} from '../../../../events/index.ts'
import type { EventBus, Publication } from '../../../core/bus/bus.ts'
import type { HostRow } from '../../../core/bus/sqlite/fleet/inbox.ts'
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
import { answerIn, type CommandNote, notesIn, type RunEnd, toldEnds } from './notes.ts'

/**
 * How a command stands. `waiting`: the host has not answered. `taken`: it is at it. `succeeded` and the like: how that ended. `expired`: the
 * host has not been there in time.
 */
export type CommandState = 'waiting' | 'withdrawn' | 'expired' | CommandNote['state']

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

/** What the hub keeps of a host. */
type Row = Pick<HostRow, 'host' | 'state'>

/** What has to be sent to hosts: commands that wait. @param rows What the hub keeps of its hosts. @param host Only those of one. */
export function commandsToSend(
  bus: Bus,
  rows: readonly Row[],
  now: number,
  host?: string,
): DataOf<typeof fleetCommandGiven>[] {
  return recorded(bus, rows, now, host).flatMap(({ given, note, isWithdrawn }) =>
    !note && !isWithdrawn && Date.parse(given.expiresAt) > now ? given : [],
  )
}

/** Commands that are not over, or were given in the last days, the oldest first. @param rows As of `commandsToSend`. @param host Only those of one. */
export function givenCommands(bus: Bus, rows: readonly Row[], now: number, host?: string): GivenCommand[] {
  const records = recorded(bus, rows, now, host)
  const endOf = endsOf(bus, records)
  return records.map((record) => {
    const { given, givenAt, note, isWithdrawn } = record
    const { host: of, command: id, type, expiresAt } = given
    const unanswered = Date.parse(expiresAt) <= now ? 'expired' : 'waiting'
    // What a host has said counts for more than that the hub has sent it no more.
    const { state, reason = null } = endOf(record) ??
      note ?? { state: isWithdrawn ? ('withdrawn' as const) : unanswered }
    return { id, host: of, type, state, reason, run: note?.run ?? null, givenAt, expiresAt }
  })
}

interface CommandRecord {
  given: DataOf<typeof fleetCommandGiven>
  givenAt: string
  isWithdrawn: boolean
  /** What the host has said. */
  note: CommandNote | undefined
  /** Whether that was looked for: the hub has not noted it, or not any more. */
  isFound: boolean
}

const recordTypes = [fleetCommandGiven, fleetCommandWithdrawn].map(({ type }) => type)

/** What a hub has given, with what hosts have said. What is not noted is looked up by its id: a host can tell any number of things. */
function recorded(bus: Bus, rows: readonly Row[], now: number, host?: string): CommandRecord[] {
  const about = host === undefined ? {} : { subject: host }
  // One that is older has expired.
  const events = bus.events({ types: recordTypes, since: isoOf(now - longestCommandMs), ...about })
  if (events.length === 0) return []
  const notes = new Map(rows.map((row) => [row.host, notesIn(row)]))
  const withdrawn = new Set(events.flatMap((event) => dataOf(fleetCommandWithdrawn, event)?.command ?? []))
  return events.flatMap((event) => {
    const given = dataOf(fleetCommandGiven, event)
    if (!given) return []
    const noted = notes.get(given.host)?.[given.command]
    return {
      ...{ given, givenAt: event.time, isWithdrawn: withdrawn.has(given.command) },
      ...{ note: noted ?? saidOf(given, bus), isFound: noted === undefined },
    }
  })
}

/** What the host has answered: it alone tells under its name. */
export function saidOf(
  { host, command }: DataOf<typeof fleetCommandGiven>,
  bus: Bus,
): CommandNote | undefined {
  const event = bus.find(heardSource(host), answerId(command))
  const told = event && toldByHost(event)
  const answer = told && answerIn(told.event)
  return answer?.command === command ? answer.note : undefined
}

/**
 * How the runs have ended of commands that are not noted, where they have. Each host is looked at by itself: one that tells without end hides
 * its own ends alone.
 */
function endsOf(bus: Bus, records: readonly CommandRecord[]): (record: CommandRecord) => RunEnd | undefined {
  const open = records.filter(({ note, isFound }) => isFound && note?.state === 'taken')
  const byHost = new Map(
    [...Map.groupBy(open, ({ given }) => given.host)].map(([host, [first]]) => [
      host,
      toldEnds(bus, host, first?.givenAt ?? ''),
    ]),
  )
  return ({ given, note, isFound }) =>
    isFound && note?.run ? byHost.get(given.host)?.get(note.run) : undefined
}

/** So many of the last ends of a host are looked at. */
const lookedAt = 100

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
