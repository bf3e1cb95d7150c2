import {
  archiveDamaged,
  copyFailed,
  copyOverdue,
  dataOf,
  drillFailed,
  drillOverdue,
  runEnds,
  toldByHost,
  unitFailed,
  verifyFailed,
  verifyFinished,
} from '../../../events/index.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import type { RunRow } from '../../core/bus/journal.ts'
import { isoOf } from '../../instant.ts'
import { backupKind } from '../run-report.ts'
import { afterEvent, noState } from './host-state.ts'

// What the store of a hub has of one host. All of it is what the host has said: data, of any content.

type Bus = Pick<EventBus, 'events'>

/** More ends of backups are not read: a host can tell any number of them. */
const mostNights = 400

const endTypes = runEnds.map(({ type }) => `fleet.${type}`)

/**
 * The backups of a host as it has told of their ends, the newest first: what the journal has of this machine's own.
 * @param since Milliseconds since the epoch: those that began earlier are left out.
 */
export function nightsOfHost(bus: Bus, host: string, since: number): RunRow[] {
  const told = bus.events({
    types: endTypes,
    subject: host,
    since: isoOf(since),
    newestFirst: true,
    limit: mostNights,
  })
  return told.flatMap((envelope) => {
    const event = toldByHost(envelope)?.event
    const result = event && runEnds.map((end) => dataOf(end, event)).find((data) => data !== undefined)
    if (!event?.runid || !result) return []
    const startedAt = Date.parse(result.startedAt)
    if (startedAt < since) return []
    return [{ id: event.runid, kind: backupKind, startedAt, end: { ...event, data: result } }]
  })
}

/** Something beside its nights that did not go well on a host: a copy, a drill, a verification, a unit. */
export interface HostFailure {
  /** By the clock of the host, as the host writes it: ISO 8601. */
  at: string
  text: string
}

const failureTypes = [
  copyFailed,
  copyOverdue,
  drillFailed,
  drillOverdue,
  verifyFailed,
  verifyFinished,
  archiveDamaged,
  unitFailed,
].map(({ type }) => `fleet.${type}`)

/** The last of them, the newest first. */
export function failuresOfHost(bus: Bus, host: string, limit: number): HostFailure[] {
  const told = bus.events({ types: failureTypes, subject: host, newestFirst: true, limit: 4 * limit })
  return told
    .flatMap((envelope) => {
      const event = toldByHost(envelope)?.event
      if (!event) return []
      const { type, id, data, time } = event
      // What it would make of a host of which nothing else is known is what is wrong.
      const { troubles } = afterEvent(noState, { id, type, time, data, run: event.runid ?? null })
      const { at = time } = envelope.data as { at?: string }
      return Object.values(troubles).map(({ text }) => ({ at, text }))
    })
    .slice(0, limit)
}
