import { once } from 'node:events'
import { isIP, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkServerIdentity } from 'node:tls'
import type { Msg, NatsConnection } from '@nats-io/transport-node'
import { HdsyncError, reasonOf } from '../../errors.ts'
import { oldestBroker } from '../../fleet-protocol.ts'
import { nkeyFromSeed } from './nkey.ts'

export type { NatsConnection }

/** How the NATS server of a fleet is reached. */
export interface BrokerDoor {
  servers: readonly string[]
  /** The secret key (`SU…`) of this user. */
  seed: string
  /** The certificate that vouches for the server, in PEM. */
  ca: string
  /** What the server calls the connection in its log. */
  name: string
}

/** The same servers in the same order, from another one on. */
export function rotated(servers: readonly string[], by: number): string[] {
  const from = by % servers.length
  return [...servers.slice(from), ...servers.slice(0, from)]
}

const patienceMs = 4000
/** A server that was killed is noticed after two of them at the latest. */
const pingMs = 5000
/** The library waits for ever for a server that goes away while TLS is being set up. */
const connectMs = 10_000

/**
 * Connects once, to the first server of the list that lets it in. The connection ends for good when it breaks: {@link stayConnected} begins
 * anew, so that what has to be looked at after a break is looked at in one place.
 * @param signal Ends the attempt.
 * @throws {Error} No server is there, lets this user in, or is new enough: why the last one is not.
 */
export async function connectToBroker(door: BrokerDoor, signal?: AbortSignal): Promise<NatsConnection> {
  let refusal: unknown
  for (const server of door.servers) {
    try {
      return await connectTo(server, door, signal)
    } catch (error) {
      refusal = error
    }
    if (signal?.aborted) break
  }
  throw refusal
}

/**
 * The library is loaded here, and only then. It is given a socket of ours: its own one stays open, and keeps the process alive, where a server
 * accepts a connection and says nothing.
 */
async function connectTo(
  server: string,
  { seed, ca, name }: BrokerDoor,
  signal?: AbortSignal,
): Promise<NatsConnection> {
  const { connect } = await import('@nats-io/transport-node')
  const key = nkeyFromSeed(seed)
  const { hostname, port } = new URL(server)
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket = new Socket()
  const abort = () => socket.destroy(new HdsyncError('the attempt was ended'))
  // What it has failed with is thrown by whoever waits for it; without a listener it would end the process.
  socket.on('error', () => {})
  signal?.addEventListener('abort', abort)
  try {
    signal?.throwIfAborted()
    await dial(socket, host, Number(port))
    const attempt = connect({
      servers: server,
      resolve: false,
      name,
      tls: tlsFor(socket, host, ca),
      authenticator: (nonce) => ({ nkey: key.publicKey, sig: key.sign(nonce ?? '') }),
      reconnect: false,
      timeout: patienceMs,
      pingInterval: pingMs,
      maxPingOut: 2,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
      // Of a hub; a host may hear of no inbox at all.
      inboxPrefix: '_INBOX.hub',
    })
    const connection = await inTime(attempt, `no answer within ${connectMs / 1000} s`)
    await refuseOlder(connection, server)
    return connection
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/** @throws {Error} Nothing accepts the connection in time. */
async function dial(socket: Socket, host: string, port: number): Promise<void> {
  const late = () => socket.destroy(new HdsyncError(`no answer within ${patienceMs / 1000} s`))
  const timer = setTimeout(late, patienceMs)
  try {
    socket.setNoDelay(true).connect({ host, port })
    await once(socket, 'connect')
  } catch (error) {
    // One reason for each address of the name, and no message of its own.
    throw error instanceof AggregateError ? error.errors[0] : error
  } finally {
    clearTimeout(timer)
  }
}

/**
 * TLS comes before anything is said: by itself the library would go on in the clear where whoever answers says that there is none.
 */
function tlsFor(socket: Socket, host: string, ca: string) {
  const check: typeof checkServerIdentity = (_, certificate) => checkServerIdentity(host, certificate)
  return {
    ...{ ca, socket, handshakeFirst: true, checkServerIdentity: check },
    servername: isIP(host) ? '' : host,
  }
}

/** @throws {HdsyncError} The server is too old; the connection is closed. */
async function refuseOlder(connection: NatsConnection, server: string): Promise<void> {
  const version = connection.info?.version ?? ''
  if (!isOlder(version, oldestBroker)) return
  await connection.close()
  throw new HdsyncError(`the NATS server ${server} is ${version}: ${oldestBroker} or later is needed`, {
    hint: 'older ones lose what they have acknowledged; Debian forky has 2.15',
  })
}

function isOlder(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number)
  return major !== leastMajor ? major < leastMajor : !(minor >= leastMinor)
}

/** @throws {Error} It took too long; a connection that comes about later is closed. */
async function inTime(attempt: Promise<NatsConnection>, reason: string): Promise<NatsConnection> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(new Error(reason))
    attempt.then(
      (connection) => connection.close(),
      () => {},
    )
  }, connectMs)
  try {
    return await Promise.race([attempt, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** A pause that can be cut short. */
export class Pause {
  #end = () => {}

  /** Keeps no process alive. Ends with the signal too. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const cut = new AbortController()
    this.#end = () => cut.abort()
    const ends = AbortSignal.any([signal, cut.signal])
    await sleep(ms, undefined, { signal: ends, ref: false }).catch(() => {})
  }

  /** Ends it, if there is one now. */
  cut(): void {
    this.#end()
  }
}

/**
 * Hears a subject. What `take` throws is noted, and ends the connection: the library would print it on standard output, and leave the connection
 * deaf until the next ping. Where the server does not let it hear that, as its rights are those of an older hub, it tries again: once the server
 * has read others it lets it, and the connection goes on meanwhile.
 */
export function hear(
  connection: NatsConnection,
  subject: string,
  note: (message: string) => void,
  take: (message: Pick<Msg, 'subject' | 'data'>) => void,
  againMs = 30_000,
): void {
  let isTold = false
  const subscribe = () => {
    if (connection.isClosed()) return
    connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error)
          return orEnd(connection, note, () => take(message), `a message under ${subject} is not taken: `)
        if (connection.isClosed()) return
        if (!isTold) note(`fleet: the NATS server does not let this machine hear ${subject}: it tries again`)
        isTold = true
        setTimeout(() => orEnd(connection, note, subscribe), againMs).unref()
      },
    })
  }
  subscribe()
}

/**
 * Does something over a connection. What it throws is noted, and ends the connection: out of a timer it would end the process, and the server
 * can say at any moment that it takes no message of this size any more.
 */
export function orEnd(
  connection: NatsConnection,
  note: (message: string) => void,
  work: () => void,
  what = '',
): void {
  try {
    work()
  } catch (error) {
    note(`fleet: ${what}${reasonOf(error)}`)
    void connection.close()
  }
}

export interface StayOptions {
  /** Asked anew before each attempt: a host that has joined again has another key. */
  door(): BrokerDoor | Promise<BrokerDoor>
  /** Does its work until the connection ends. What it throws ends the connection. */
  session(connection: NatsConnection, signal: AbortSignal): Promise<void>
  /** Ends it. */
  signal: AbortSignal
  /** Told why there is no connection, each reason once in a row. */
  note(message: string): void
  /** The first pause before another attempt; they grow to `longestPauseMs`. */
  firstPauseMs?: number
  longestPauseMs?: number
  /** Ends after so many attempts in a row that failed; goes on for ever unless given. */
  attempts?: number
  /** What it waits by between attempts. */
  pause?: Pause
}

/** A connection that lasted so long was good: the next pause is short again. */
const goodMs = 10_000

/** Connects again and again, until the signal comes or too many attempts have failed. Never throws. */
export async function stayConnected(options: StayOptions): Promise<void> {
  const { door, session, signal, note, firstPauseMs = 500, longestPauseMs = 30_000 } = options
  const { attempts = Number.POSITIVE_INFINITY, pause = new Pause() } = options
  let pauseMs = firstPauseMs
  let told = ''
  let failed = 0
  while (!signal.aborted) {
    const begun = performance.now()
    let where = ''
    try {
      const now = await door()
      where = `no connection to ${now.servers.join(', ')}: `
      await connectedOnce(now, signal, session)
      told = ''
      failed = 0
    } catch (error) {
      const reason = reasonOf(error)
      if (reason !== told && !signal.aborted) note(`fleet: ${where}${reason}`)
      told = reason
      failed += 1
      if (failed >= attempts) return
    }
    if (performance.now() - begun > goodMs) pauseMs = firstPauseMs
    // Not all hosts at once after a restart of the server.
    await pause.wait(pauseMs * (0.5 + Math.random()), signal)
    pauseMs = Math.min(longestPauseMs, pauseMs * 2)
  }
}

/** One connection, from its beginning to its end. */
async function connectedOnce(
  door: BrokerDoor,
  signal: AbortSignal,
  session: StayOptions['session'],
): Promise<void> {
  const connection = await connectToBroker(door, signal)
  const end = new AbortController()
  const close = () => void connection.close()
  signal.addEventListener('abort', close)
  if (signal.aborted) close()
  try {
    const closed = connection.closed()
    const over = closed.then((error) => {
      end.abort()
      if (error) throw error
    })
    over.catch(() => {})
    await Promise.race([session(connection, end.signal), over])
    // Whoever has nothing more to do with it is not left with a connection that nobody reads.
    await connection.close()
    await over
  } finally {
    signal.removeEventListener('abort', close)
    end.abort()
    await connection.close()
  }
}
