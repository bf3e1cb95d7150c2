import { HdsyncError } from '../../errors.ts'
import { slotAskSubject, slotsStream } from '../../fleet-protocol.ts'
import type { NatsConnection } from './connection.ts'
import { makeStream } from './event-stream.ts'

const patienceMs = 4000
const minuteNs = 60 * 1e9

/** What each host has said last of how it stands with a slot, for longer than until it says so again. */
const slotsStreamConfig = {
  name: slotsStream,
  subjects: [slotAskSubject('*')],
  retention: 'limits',
  storage: 'memory',
  discard: 'old',
  max_msgs_per_subject: 1,
  max_age: 5 * minuteNs,
  max_bytes: 16 * 2 ** 20,
  max_msg_size: 4096,
  // Nobody waits for that, and whoever speaks chooses where it would go.
  no_ack: true,
  deny_delete: true,
  deny_purge: true,
} as const

/** What hosts have said last, in its order. */
export interface LastSaid {
  /** Another one where what was said meanwhile may be lost: the stream was made anew. */
  stream: string
  messages: { seq: number; subject: string; data: Uint8Array }[]
}

/**
 * What hosts have said last of their slots, whoever heard it; makes the stream that keeps it.
 * @throws {Error} The server does not answer.
 */
export async function lastSaidOfSlots(connection: NatsConnection, replicas: number): Promise<LastSaid> {
  const { DeliverPolicy, jetstream, jetstreamManager } = await import('@nats-io/jetstream')
  const manager = await jetstreamManager(connection, { timeout: patienceMs })
  await makeStream(manager, { ...slotsStreamConfig, num_replicas: replicas })
  const { created: stream } = await manager.streams.info(slotsStream)
  const consumer = await jetstream(connection, { timeout: patienceMs }).consumers.get(slotsStream, {
    deliver_policy: DeliverPolicy.LastPerSubject,
    filter_subjects: slotsStreamConfig.subjects[0],
  })
  const messages: LastSaid['messages'] = []
  const { num_pending: count } = await consumer.info()
  let pending = count
  if (count > 0)
    for await (const { seq, subject, data, info } of await consumer.fetch({
      max_messages: count,
      expires: patienceMs,
    })) {
      messages.push({ seq, subject, data })
      // What was counted can be replaced before it comes.
      pending = info.pending
      if (pending === 0) break
    }
  if (pending > 0 && messages.length < count)
    throw new HdsyncError('the NATS server does not send what hosts have said of their slots')
  await consumer.delete()
  return { stream, messages }
}
