import type { ConsumerMessages, JetStreamManager, StreamConfig } from '@nats-io/jetstream'
import { HdsyncError } from '../../errors.ts'
import { eventStream } from '../../fleet-protocol.ts'
import { eventStreamConfig } from './broker-config.ts'
import type { NatsConnection } from './connection.ts'

/** A message of the stream, as it was taken by the broker. */
interface Message {
  seq: number
  subject: string
  data: Uint8Array
  timeMs: number
}

export interface ReadOptions {
  /** The last message that was taken, and what tells it from another one under its number. */
  position: { seq: number; mark: string } | undefined
  markOf(message: Message): string
  /** Takes messages in their order. What it throws ends the reading; they come again then. */
  take(messages: readonly Message[]): void
  /** On how many servers the stream lies. */
  replicas: number
  /** Called when everything that was in the stream has been taken. */
  onCaughtUp(): void
}

export interface Reading {
  isCaughtUp(): boolean
  /** Resolves when the connection ends. */
  ended: Promise<void>
}

const patienceMs = 4000
/** So much is asked of the broker at a time. */
const mostBytes = 4 * 2 ** 20
/** Where one of several servers goes away, and the reading place with it, that is noticed after two of them. */
export const heartbeatMs = 3000

/**
 * Reads the stream of what hosts tell, from where reading ended, and makes it if it is not there. Another message under the number of the last one
 * tells that the broker's disk was put back to an older copy: then everything is read again, as doubles are found by whoever takes them.
 * @throws {Error} The broker does not answer, or has no JetStream.
 */
export async function readStream(
  connection: NatsConnection,
  { position, markOf, replicas, take, onCaughtUp }: ReadOptions,
): Promise<Reading> {
  const { DeliverPolicy, jetstream, jetstreamManager } = await import('@nats-io/jetstream')
  const manager = await jetstreamManager(connection, { timeout: patienceMs })
  await makeStream(manager, { ...eventStreamConfig, num_replicas: replicas })
  const isKnown = position !== undefined && (await markAt(manager, position.seq, markOf)) === position.mark
  const consumer = await jetstream(connection, { timeout: patienceMs }).consumers.get(
    eventStream,
    isKnown
      ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: position.seq + 1 }
      : { deliver_policy: DeliverPolicy.All },
  )
  let behind = (await consumer.info()).num_pending
  let arrived: Message[] = []
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})
  /** What arrives in one turn of the loop is taken in one transaction. */
  const takeAll = () => {
    const messages = arrived
    arrived = []
    try {
      take(messages)
      if (behind === 0) onCaughtUp()
    } catch (error) {
      failed.reject(error)
      void connection.close()
    }
  }
  const messages = await consumer.consume({
    max_bytes: mostBytes,
    idle_heartbeat: heartbeatMs,
    callback: ({ seq, subject, data, time, info }) => {
      if (connection.isClosed()) return
      if (arrived.length === 0) setImmediate(takeAll)
      arrived.push({ seq, subject, data, timeMs: time.getTime() })
      behind = info.pending
    },
  })
  const ended = connection.closed().then((error) => {
    if (error) throw error
  })
  const stopped = messages.closed().then((error) => {
    if (error) throw error
  })
  return {
    isCaughtUp: () => behind === 0 && arrived.length === 0,
    ended: Promise.race([ended, stopped, failed.promise, lost(messages)]),
  }
}

/** What the library tells of a reading that may have lost its place. */
const lostTypes: readonly string[] = [
  'heartbeats_missed',
  'no_responders',
  'consumer_not_found',
  'consumer_deleted',
  'stream_not_found',
]

/**
 * Rejects once a reading may have lost its place: by itself the library looks for it once in 30 s. Whoever reads begins anew, from where it
 * is, over another connection.
 */
export async function lost(messages: ConsumerMessages): Promise<never> {
  for await (const { type } of messages.status())
    if (lostTypes.includes(type))
      throw new HdsyncError(`the NATS server has nothing to read any more: ${type}`)
  return new Promise(() => {})
}

/** What a stream is made by; lists of a config are constant here. */
export type StreamSettings = { readonly [Key in keyof StreamConfig]?: Readonly<StreamConfig[Key]> } & {
  name: string
  subjects: readonly string[]
}

/**
 * Makes a stream that is not there. One that an older hdsync has made, or that lay on fewer servers, gets the config of this one. Safe to repeat.
 * @throws {Error} It cannot have it.
 */
export async function makeStream(manager: JetStreamManager, settings: StreamSettings): Promise<void> {
  const config = { ...settings, subjects: [...settings.subjects] } as StreamConfig
  await manager.streams.add(config).catch(async (error: Error & { code?: number }) => {
    if (error.code !== hasAnotherConfig) throw error
    await manager.streams.update(config.name, config)
  })
}

/** `JSStreamNameExistErr` of the NATS server. */
const hasAnotherConfig = 10058

/** @returns undefined where the stream has no such message. */
async function markAt(
  manager: JetStreamManager,
  seq: number,
  markOf: ReadOptions['markOf'],
): Promise<string | undefined> {
  const found = await manager.streams.getMessage(eventStream, { seq }).catch((error: Error) => {
    if (/no message found/i.test(error.message)) return null
    throw error
  })
  return found
    ? markOf({ seq, subject: found.subject, data: found.data, timeMs: found.time.getTime() })
    : undefined
}
