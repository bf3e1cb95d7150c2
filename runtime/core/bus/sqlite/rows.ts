import type { Envelope } from '../../../../events/envelope.ts'

/** A row, as SQLite gives it. */
export type Row = Record<string, unknown>

/** The columns of an event as its envelope. */
export function envelopeOf(row: Row): Envelope {
  const envelope: Envelope = {
    specversion: '1.0',
    id: row.id as string,
    source: row.source as string,
    type: row.type as string,
    time: row.time as string,
    datacontenttype: 'application/json',
    attempt: row.attempt as number,
    data: JSON.parse(row.data as string),
  }
  if (row.subject !== null) envelope.subject = row.subject as string
  if (row.run_id !== null) envelope.runid = row.run_id as string
  if (row.parent_id !== null) envelope.parentid = row.parent_id as string
  if (row.traceparent !== null) envelope.traceparent = row.traceparent as string
  if (row.sender_time !== null) envelope.sendertime = row.sender_time as string
  return envelope
}

/** The data of an event, as it lies in the store. */
export function dataText(data: unknown): string {
  return JSON.stringify(data ?? null)
}

/** An envelope as the columns of its event. */
export function rowOf(event: Envelope) {
  return {
    id: event.id,
    source: event.source,
    type: event.type,
    subject: event.subject ?? null,
    time: event.time,
    run_id: event.runid ?? null,
    attempt: event.attempt,
    parent_id: event.parentid ?? null,
    traceparent: event.traceparent ?? null,
    data: dataText(event.data),
    sender_time: event.sendertime ?? null,
  }
}
