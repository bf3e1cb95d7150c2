import { setTimeout as sleep } from 'node:timers/promises'
import { checkServerIdentity } from 'node:tls'
import type { NatsConnection } from '@nats-io/transport-node'
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

const patienceMs = 4000
/** A server that was killed is noticed after two of them at the latest. */
const pingMs = 5000
/** The library waits for ever for a server that goes away while TLS is being set up. */
const connectMs = 10_000

/**
 * Connects once. The connection ends for good when it breaks: {@link stayConnected} begins anew, so that what has to be looked at after a
 * break is looked at in one place. The library is loaded here, and only then.
 * @throws {Error} The server is not there, does not let this user in, or is too old.
 */
export async function connectToBroker({ servers, seed, ca, name }: BrokerDoor): Promise<NatsConnection> {
  const { connect } = await import('@nats-io/transport-node')
  const key = nkeyFromSeed(seed)
  const attempt = connect({
    servers: [...servers],
    name,
    tls: tlsFor(servers, ca),
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
  const version = connection.info?.version ?? ''
  if (!isOlder(version, oldestBroker)) return connection
  await connection.close()
  throw new HdsyncError(
    `the NATS server ${servers.join(', ')} is ${version}: ${oldestBroker} or later is needed`,
    {
      hint: 'older ones lose what they have acknowledged; Debian forky has 2.15',
    },
  )
}

/**
 * TLS comes before anything is said: by itself the library would go on in the clear where whoever answers says that there is none. It does not say
 * which address it connects to where that is no name: each server of the list will do, as one certificate authority vouches for all.
 */
function tlsFor(servers: readonly string[], ca: string) {
  const names = servers.map((server) => new URL(server).hostname.replace(/^\[|\]$/g, ''))
  const check: typeof checkServerIdentity = (_, certificate) => {
    const refusals = names.map((name) => checkServerIdentity(name, certificate))
    return refusals.includes(undefined) ? undefined : refusals[0]
  }
  return { ca, handshakeFirst: true, checkServerIdentity: check }
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

export interface StayOptions {
  door: BrokerDoor
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
}

/** A connection that lasted so long was good: the next pause is short again. */
const goodMs = 10_000

/** Connects again and again, until the signal comes or too many attempts have failed. Never throws. */
export async function stayConnected(options: StayOptions): Promise<void> {
  const { door, session, signal, note, firstPauseMs = 500, longestPauseMs = 30_000 } = options
  const { attempts = Number.POSITIVE_INFINITY } = options
  let pauseMs = firstPauseMs
  let told = ''
  let failed = 0
  while (!signal.aborted) {
    const begun = performance.now()
    try {
      await connectedOnce(door, signal, session)
      told = ''
      failed = 0
    } catch (error) {
      const reason = reasonOf(error)
      if (reason !== told && !signal.aborted)
        note(`fleet: no connection to ${door.servers.join(', ')}: ${reason}`)
      told = reason
      failed += 1
      if (failed >= attempts) return
    }
    if (performance.now() - begun > goodMs) pauseMs = firstPauseMs
    // Not all hosts at once after a restart of the server.
    await sleep(pauseMs * (0.5 + Math.random()), undefined, { signal, ref: false }).catch(() => {})
    pauseMs = Math.min(longestPauseMs, pauseMs * 2)
  }
}

/** One connection, from its beginning to its end. */
async function connectedOnce(
  door: BrokerDoor,
  signal: AbortSignal,
  session: StayOptions['session'],
): Promise<void> {
  const connection = await connectToBroker(door)
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
    await over
  } finally {
    signal.removeEventListener('abort', close)
    end.abort()
    await connection.close()
  }
}
