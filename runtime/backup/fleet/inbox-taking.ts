import { hash } from 'node:crypto'
import { catalogue, type EventDefinition, readStored } from '../../../events/index.ts'
import type { Publication } from '../../core/bus/bus.ts'
import type { HostRow, Inbox } from '../../core/bus/sqlite/fleet/inbox.ts'
import { factPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { reasonOf } from '../../errors.ts'
import {
  fleetHostName,
  fleetVersion,
  heardSource,
  hostOfSubject,
  type ReceiptMessage,
  readMessage,
  type ToldMessage,
  toldMessage,
} from '../../fleet-protocol.ts'
import { isoOf } from '../../instant.ts'
import { tellsTooMuch, withMessage } from './allowance.ts'
import { afterEvent, readState, withoutOthers } from './host-state.ts'
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
  /** What was strange, a line each: messages that are none of a host, as its program is another one, or somebody tries something. */
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
      taken.strange.push(`passed over what is no message of a host: ${message.subject}`)
      continue
    }
    const known = inbox.host(host)
    const judgement = judge(known, inbox.hasLeft(host, told.epoch), told)
    if (judgement.take) {
      const { row, publication, reason } = decided(host, known, told, {
        registry,
        missing: judgement.missing,
        heardAt: Math.min(now, message.timeMs),
        size: message.data.length,
        now,
      })
      if (reason !== undefined) taken.strange.push(`${reason}: ${message.subject}`)
      inbox.keep(row)
      if (publication) taken.publications.push(publication)
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

interface Circumstances {
  registry: Registry
  /** How many numbers before it nobody has any more. */
  missing: number
  now: number
  /** When the broker took it: that may be days ago. */
  heardAt: number
  /** Bytes of the message. */
  size: number
}

/**
 * What becomes of an event, before anything is written: one that cannot be dealt with, whatever it throws, must not keep those of all other
 * hosts from being taken. It is kept as it is.
 */
function decided(
  host: string,
  known: HostRow | undefined,
  told: ToldMessage,
  { registry, missing, now, heardAt, size }: Circumstances,
): { row: HostRow; publication?: Publication; reason?: string } {
  const state = readState(known?.state)
  const hour = withMessage(state.hour, size, now)
  const before = { ...state, hour }
  const { epoch, seq, about, event } = told
  const row = {
    ...{ host, epoch, seq, id: event.id, heardAt, about: { ...disksOf(known), ...about } },
    missing: Math.min(Number.MAX_SAFE_INTEGER, (known?.missing ?? 0) + missing),
  }
  if (isOfHub(event.type)) return { row: { ...row, state: before }, reason: 'passed over what no host tells' }
  try {
    const after = { ...row, state: withoutOthers(afterEvent(before, event), about) }
    return tellsTooMuch(hour)
      ? { row: after }
      : { row: after, publication: heardPublication(host, told, registry, now) }
  } catch (error) {
    const reason = `kept as it is, for no function, as ${reasonOf(error)}`
    return { row: { ...row, state: before }, publication: asItIs(host, told, now), reason }
  }
}

/** The disks that a host has told of before: not each of its processes looks at them. */
function disksOf(known: HostRow | undefined): { disks?: unknown } {
  const { disks } = (known?.about ?? {}) as { disks?: unknown }
  return disks === undefined ? {} : { disks }
}

/** Whether it would pass for what a hub has on record of itself, as what it gave to hosts, or that it has told of one's silence. */
function isOfHub(type: string): boolean {
  return catalogue.has(`fleet.${type}`) && !catalogue.has(type)
}

/**
 * The event of a host as one of the hub's: from a source that is this host's alone, whatever it says of itself. One that this hub does not know,
 * as its host is newer, or that does not fit, is kept as it is: no function gets it.
 */
function heardPublication(host: string, told: ToldMessage, registry: Registry, now: number): Publication {
  const kept = asItIs(host, told, now)
  const definition: EventDefinition | undefined = catalogue.get(kept.event.type)
  const stored = definition && readStored(definition, kept.event.data)
  if (!definition || !stored?.success) return kept
  const known = factPublication(registry, definition, stored.data, now)
  const { id, source, subject = host } = kept.event
  return { ...known, event: { ...known.event, id, source, subject } }
}

function asItIs(host: string, { about, event }: ToldMessage, now: number): Publication {
  return {
    event: {
      specversion: '1.0',
      source: heardSource(host),
      id: event.id,
      type: `fleet.${event.type}`,
      subject: host,
      time: isoOf(now),
      datacontenttype: 'application/json',
      attempt: 1,
      data: { host, at: event.time, run: event.run, labels: about.labels, data: event.data },
    },
    deliveries: [],
  }
}
