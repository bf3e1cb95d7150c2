import { hash } from 'node:crypto'
import { catalogue, type Envelope, type EventDefinition, readStored } from '../../../events/index.ts'
import type { Publication } from '../../core/bus/bus.ts'
import type { HostRow, Inbox } from '../../core/bus/sqlite/fleet/inbox.ts'
import { factPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import {
  fleetHostName,
  fleetVersion,
  hostOfSubject,
  type ReceiptMessage,
  readMessage,
  type ToldMessage,
  toldMessage,
} from '../../fleet-protocol.ts'
import { isoOf } from '../../instant.ts'
import { afterEvent, readState } from './host-state.ts'
import { judge } from './judge.ts'

/** A message of the broker's stream. */
export interface StreamMessage {
  /** Its number in the stream. */
  seq: number
  subject: string
  data: Uint8Array
  /** When the broker took it, in milliseconds since the epoch. */
  timeMs: number
}

/** What came of some messages. */
export interface Taken {
  publications: Publication[]
  /** For each host that something came of, how far its hub has come, to be sent once it is on the disk. */
  receipts: Map<string, ReceiptMessage>
  /** Subjects of messages that are none of a host: its program is another one, or somebody tries something. */
  strange: string[]
}

/** Tells a message of the stream from another one under its number. */
export function markOf({ subject, data, timeMs }: Omit<StreamMessage, 'seq'>): string {
  return `${timeMs} ${hash('sha256', Buffer.concat([Buffer.from(`${subject}\n`), data]), 'base64url')}`
}

/**
 * Decides what becomes of messages, in their order, and notes how far their hosts and the stream have come. To be called in the transaction that
 * puts the publications on the bus. Safe to repeat with the same messages: each event is taken once.
 * @param now By the clock of the hub, in milliseconds since the epoch.
 */
export function takeMessages(
  messages: readonly StreamMessage[],
  { inbox, registry, now }: { inbox: Inbox; registry: Registry; now: number },
): Taken {
  const taken: Taken = { publications: [], receipts: new Map(), strange: [] }
  for (const message of messages) {
    const host = hostOfSubject(message.subject, 1)
    const told = readMessage(toldMessage, message.data)
    if (!told || !fleetHostName.test(host)) {
      taken.strange.push(message.subject)
      continue
    }
    const known = inbox.host(host)
    const judgement = judge(known, inbox.hasLeft(host, told.epoch), told)
    if (judgement.take) {
      inbox.keep(rowAfter(host, known, told, judgement.missing, now))
      taken.publications.push(heardPublication(host, told, registry, now))
    }
    const receipt = receiptFor(inbox.host(host), false)
    const isLeft = !judgement.take && judgement.why === 'left'
    taken.receipts.set(host, isLeft ? { ...receipt, left: told.epoch } : receipt)
  }
  const last = messages.at(-1)
  if (last) inbox.position = { seq: last.seq, mark: markOf(last) }
  return taken
}

/** How far the hub has come with a host. @param answers Whether the host has asked. */
export function receiptFor(known: HostRow | undefined, answers: boolean): ReceiptMessage {
  const { epoch = '', seq = 0, id = '' } = known ?? {}
  return { v: fleetVersion, epoch, seq, id, answers }
}

function rowAfter(
  host: string,
  known: HostRow | undefined,
  { epoch, seq, about, event }: ToldMessage,
  missing: number,
  now: number,
): HostRow {
  return {
    host,
    epoch,
    seq,
    id: event.id,
    missing: (known?.missing ?? 0) + missing,
    heardAt: now,
    about,
    state: afterEvent(readState(known?.state), event),
  }
}

/**
 * The event of a host as one of the hub's: from a source that is this host's alone, whatever it says of itself. One that this hub does not know,
 * as its host is newer, or that does not fit, is kept as it is: no function gets it.
 */
function heardPublication(
  host: string,
  { about, event }: ToldMessage,
  registry: Registry,
  now: number,
): Publication {
  const type = `fleet.${event.type}`
  const data = { host, at: event.time, run: event.run, labels: about.labels, data: event.data }
  const identity: Pick<Envelope, 'id' | 'source' | 'subject'> = {
    id: event.id,
    source: `/hdsync/fleet/${host}`,
    subject: host,
  }
  const definition: EventDefinition | undefined = catalogue.get(type)
  const stored = definition && readStored(definition, data)
  if (definition && stored?.success) {
    const known = factPublication(registry, definition, stored.data, now)
    return { ...known, event: { ...known.event, ...identity } }
  }
  const envelope = {
    specversion: '1.0',
    time: isoOf(now),
    datacontenttype: 'application/json',
    attempt: 1,
  } as const
  return { event: { ...envelope, ...identity, type, data }, deliveries: [] }
}
