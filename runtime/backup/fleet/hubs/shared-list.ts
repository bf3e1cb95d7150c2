import * as z from 'zod'
import {
  dataOf,
  type Envelope,
  fleetCommandGiven,
  fleetCommandWithdrawn,
  fleetHubGone,
  fleetPaused,
  fleetSilent,
  readStored,
} from '../../../../events/index.ts'
import type { EventBus, Publication } from '../../../core/bus/bus.ts'
import {
  configSet,
  listSubject,
  longestCommandMs,
  readMessage,
  recordSubject,
} from '../../../fleet-protocol.ts'
import { isSharedSigned, signShared } from '../../../host/fleet/command-key.ts'
import { type Enrolled, enrolled, type HubFolder, isNewer } from '../../../host/fleet/hub-folder.ts'
import { isoOf } from '../../../instant.ts'
import { changeList } from '../enrol.ts'
import { lastPaused } from '../slots/pauses.ts'

// What the hubs of a fleet tell each other beside which of them acts: the list of hosts, and what the one that acts has on record of itself.
// Each puts into the stream what it knows and the stream does not, so it does not matter which of them was away.

/** What a hub has on record of itself, and the one after it goes on with. */
const sharedRecords = [fleetCommandGiven, fleetCommandWithdrawn, fleetPaused, fleetSilent, fleetHubGone]

const signedValue = z.object({ text: z.string(), signature: z.string().max(128) })

/** A message between hubs. @param key By which commands are signed, in PEM. */
export function sharedText(subject: string, value: unknown, key: string): string {
  const text = JSON.stringify(value)
  return JSON.stringify({ text, signature: signShared(subject, text, key) })
}

/** @returns undefined for what no hub of this fleet has put there: the server could have. */
export function readShared<Schema extends z.ZodType>(
  schema: Schema,
  { subject, data }: { subject: string; data: Uint8Array },
  key: string,
): z.output<Schema> | undefined {
  const signed = readMessage(signedValue, data)
  if (!signed || !isSharedSigned(subject, signed.text, signed.signature, key)) return undefined
  return readMessage(schema, Buffer.from(signed.text))
}

const envelope = z.looseObject({ id: z.string(), type: z.string(), source: z.string(), data: z.unknown() })

export interface SharedListOptions {
  folder: HubFolder
  bus: Pick<EventBus, 'events' | 'find'>
  publishWith(decide: () => readonly Publication[]): void
}

/** What of the stream this hub has, and what it has to put there. */
export class SharedList {
  readonly #options: SharedListOptions
  readonly #hosts = new Map<string, Enrolled>()
  readonly #records = new Set<string>()
  /** Hosts that came and are not on the list yet. */
  #arrived = new Map<string, Enrolled>()
  #mark = ''
  /** The last event on record up to which the stream has all. */
  #upTo: string | undefined
  #isNew = true

  constructor(options: SharedListOptions) {
    this.#options = options
  }

  /** The stream is read from its beginning. */
  readAnew(): void {
    this.#hosts.clear()
    this.#records.clear()
    this.#mark = ''
    this.#upTo = undefined
    this.#isNew = true
  }

  /** Takes a message of another hub, or of this one. @returns Whether it has something on record that this hub has not. */
  take(message: { subject: string; data: Uint8Array }, key: string): boolean {
    const { subject } = message
    if (subject.startsWith(listSubject(''))) {
      const host = readShared(enrolled, message, key)
      if (host && listSubject(host.host) === subject) {
        this.#hosts.set(host.host, host)
        this.#arrived.set(host.host, host)
      }
      return false
    }
    const event = subject.startsWith(recordSubject('')) ? readShared(envelope, message, key) : undefined
    if (!event || recordSubject(event.id) !== subject) return false
    this.#records.add(event.id)
    const { bus, publishWith } = this.#options
    const definition = sharedRecords.find(({ type }) => type === event.type)
    if (!definition || !readStored(definition, event.data).success) return false
    if (bus.find(event.source, event.id)) return false
    // Its functions had it where it was made.
    publishWith(() => [{ event: event as unknown as Envelope, deliveries: [] }])
    return true
  }

  /** Puts hosts that came on the list. @throws {Error} Another process is changing it: they are kept. */
  apply(): void {
    if (this.#arrived.size === 0) return
    const { folder } = this.#options
    const isChanged = changeList(
      folder,
      () => {
        const adopted = [...this.#arrived.values()].filter((host) => folder.adopt(host))
        return adopted.length > 0 && folder.writeUsers()
      },
      0,
    )
    this.#arrived = new Map()
    if (isChanged) folder.reloadBroker()
  }

  /** What this hub knows and the stream does not. @param now Milliseconds since the epoch. */
  missing(now: number): { subject: string; value: unknown; lasts?: string; done(): void }[] {
    const { folder, bus } = this.#options
    const mark = folder.listMark
    const hosts = mark === this.#mark ? [] : folder.hosts()
    const list = hosts.filter((host) => {
      const there = this.#hosts.get(host.host)
      return !there || isNewer(host, there)
    })
    if (list.length === 0) this.#mark = mark
    const since = isoOf(now - longestCommandMs)
    const isMissing = ({ id }: Envelope) => !this.#records.has(id)
    const types = sharedRecords.map(({ type }) => type)
    const [last] = bus.events({ types, newestFirst: true, limit: 1 })
    const records = last?.id === this.#upTo ? [] : bus.events({ types, since }).filter(isMissing)
    if (records.length === 0) this.#upTo = last?.id
    // A hub that is new has to know what holds until it is changed. Afterwards each change is among the records.
    const standing = this.#isNew ? standingRecords(bus).filter(isMissing) : []
    if (standing.length === 0) this.#isNew = false
    const stand = new Set(standing.map(({ id }) => id))
    return [
      ...list.map((host) => ({
        subject: listSubject(host.host),
        value: host,
        done: () => void this.#hosts.set(host.host, host),
      })),
      ...[...standing, ...records.filter(({ id }) => !stand.has(id))].map((event) => ({
        subject: recordSubject(event.id),
        value: event,
        lasts: stand.has(event.id) ? standingLasts : recordLasts,
        done: () => void this.#records.add(event.id),
      })),
    ]
  }
}

/** For longer than a hub looks back, so that none puts it there anew. */
const recordLasts = '336h'
/** Then whoever connects puts it there anew. */
const standingLasts = '2160h'

/** What holds until it is changed, however long ago it was said: the last of what is paused, and of what was set in the config of each host. */
function standingRecords(bus: Pick<EventBus, 'events'>): Envelope[] {
  const paused = lastPaused(bus)
  const given = bus.events({ types: [fleetCommandGiven.type] })
  const set = given.filter((event) => dataOf(fleetCommandGiven, event)?.type === configSet)
  return [...(paused ? [paused] : []), ...new Map(set.map((event) => [event.subject, event])).values()]
}
