import { HdsyncError } from '../../errors.ts'
import { hubsStream } from '../../fleet-protocol.ts'
import type { NatsConnection } from './connection.ts'
import { heartbeatMs, lost, makeStream } from './event-stream.ts'

/** A message that stands in the stream that the hubs share. */
export interface SharedMessage {
  seq: number
  subject: string
  data: Uint8Array
  /** When the server took it, in milliseconds since the epoch. */
  timeMs: number
}

export interface SharedStream {
  /**
   * Puts a message in the place of the one that stands under its subject.
   * @param options `after`: only where that one has this number; 0 for none. `lasts`: for how long it stands, as Go writes durations.
   * @returns Its number; undefined where another one stands there. @throws {Error} Whether it stands there is not known.
   */
  put(
    subject: string,
    text: string,
    options?: { after?: number; lasts?: string },
  ): Promise<number | undefined>
  /** What stands under a subject, by whichever server decides. */
  get(subject: string): Promise<SharedMessage | undefined>
  /** Resolves when the connection ends. */
  ended: Promise<void>
}

const patienceMs = 3000

/**
 * The stream by which the hubs of a fleet know of each other: one message for each subject, the last. Nothing can be taken out of it.
 */
const hubsStreamConfig = {
  name: hubsStream,
  subjects: ['hubs.>'],
  retention: 'limits',
  storage: 'file',
  discard: 'old',
  max_msgs_per_subject: 1,
  max_bytes: 128 * 2 ** 20,
  max_msg_size: 1024 * 1024,
  allow_msg_ttl: true,
  deny_delete: true,
  deny_purge: true,
} as const

/** `JSStreamWrongLastSequenceErrF` of the NATS server, and the same for a constant. */
const wrongLast = [10071, 10164]

/**
 * Reads what stands in the stream, and what is put there from now on; makes it if it is not there.
 * @param take Takes messages in their order. What it throws ends the reading.
 * @returns Once all that stood there was taken. @throws {Error} The server does not answer.
 */
export async function openShared(
  connection: NatsConnection,
  { replicas, take }: { replicas: number; take(message: SharedMessage): void },
): Promise<SharedStream> {
  const { DeliverPolicy, jetstream, jetstreamManager } = await import('@nats-io/jetstream')
  const manager = await jetstreamManager(connection, { timeout: patienceMs })
  await makeStream(manager, { ...hubsStreamConfig, num_replicas: replicas })
  const client = jetstream(connection, { timeout: patienceMs })
  const consumer = await client.consumers.get(hubsStream, {
    deliver_policy: DeliverPolicy.LastPerSubject,
    filter_subjects: hubsStreamConfig.subjects[0],
  })
  const isRead = Promise.withResolvers<void>()
  const failed = Promise.withResolvers<never>()
  for (const { promise } of [isRead, failed]) promise.catch(() => {})
  if ((await consumer.info()).num_pending === 0) isRead.resolve()
  const messages = await consumer.consume({
    idle_heartbeat: heartbeatMs,
    callback: ({ seq, subject, data, time, info }) => {
      if (connection.isClosed()) return
      try {
        take({ seq, subject, data, timeMs: time.getTime() })
        if (info.pending === 0) isRead.resolve()
      } catch (error) {
        failed.reject(error)
        void connection.close()
      }
    },
  })
  const ended = Promise.race([
    failed.promise,
    lost(messages),
    ...[connection.closed(), messages.closed()].map((closed) =>
      closed.then((error) => {
        if (error) throw error
      }),
    ),
  ])
  ended.catch(() => {})
  // What was counted can be replaced before it comes.
  const late = setTimeout(
    isRead.reject,
    patienceMs,
    new HdsyncError('the NATS server does not send what hubs share'),
  )
  await Promise.race([isRead.promise, ended])
  clearTimeout(late)
  return {
    ended,
    async put(subject, text, { after, lasts } = {}) {
      try {
        const { seq } = await client.publish(subject, text, {
          timeout: patienceMs,
          ...(after !== undefined && { expect: { lastSubjectSequence: after } }),
          ...(lasts !== undefined && { ttl: lasts }),
        })
        return seq
      } catch (error) {
        if (wrongLast.includes((error as { code?: number }).code ?? 0)) return undefined
        throw error
      }
    },
    async get(subject) {
      const found = await manager.streams
        .getMessage(hubsStream, { last_by_subj: subject })
        .catch((error: Error) => {
          if (/no message found/i.test(error.message)) return null
          throw error
        })
      return found
        ? { seq: found.seq, subject: found.subject, data: found.data, timeMs: found.time.getTime() }
        : undefined
    },
  }
}
