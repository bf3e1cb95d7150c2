import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createConnection } from 'node:net'
import { dirname } from 'node:path'
import { UsageError } from '../errors.ts'
import { answerClientErrors } from './client-errors.ts'
import type { Certificate } from './tls/certificate.ts'
import { encrypt } from './tls/encrypt.ts'

/** Where to listen; `fd` is a socket that the service manager has opened, `group` the number of the group that may connect to a path. */
export type ListenAddress = { path: string; group?: number } | { host: string; port: number } | { fd: number }

/** A socket that people can reach. */
export interface Listener {
  /** A path, or `host:port`. */
  readonly address: string
  /** Connections that are open now. */
  readonly clients: number
  /** Takes no further connection: where the service manager has opened the socket, they wait there. */
  stopAccepting(): void
  /** Takes no further connection, waits so long for answers that are under way, then hangs up. */
  close(graceMs: number): Promise<void>
}

export interface ListenOptions {
  address: ListenAddress
  /** `local` tells that the request came over a unix socket, which file permissions guard. */
  handle: (incoming: IncomingMessage, outgoing: ServerResponse, local: boolean) => void
  /** What encrypts a port, asked for each connection: `plain` for nothing, undefined hangs up. Not over a unix socket. */
  certificate?(): Certificate | 'plain' | undefined
  /** Told when somebody connects or leaves. */
  onActivity?(): void
  /** A request has to arrive within that; slow senders hold a connection no longer. 15 s unless given. */
  requestTimeoutMs?: number
}

const headersTimeoutMs = 5000
/** Each may have a body in memory. */
const maxConnections = 2048
const maxHeaderBytes = 16 * 1024
const socketMode = 0o660

/**
 * Opens a listening socket. A unix socket that a dead process left is replaced.
 * @throws {UsageError} Somebody else listens there, or it may not be opened.
 */
export async function listen({
  address,
  handle,
  certificate = () => 'plain',
  onActivity,
  requestTimeoutMs = 15_000,
}: ListenOptions): Promise<Listener> {
  let local = false
  const server: Server = createServer(
    {
      headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, requestTimeoutMs),
      maxHeaderSize: maxHeaderBytes,
    },
    (incoming, outgoing) => handle(incoming, outgoing, local),
  )
  server.maxConnections = maxConnections
  answerClientErrors(server)
  encrypt(server, () => (local ? 'plain' : certificate()))
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    onActivity?.()
    socket.on('close', () => {
      sockets.delete(socket)
      onActivity?.()
    })
  })
  await bind(server, address)
  const name = nameOf(server, address)
  // Settled now: a server that is closing has no address any more, whatever it listened on.
  local = isUnix(server, address)
  let closed: Promise<void> | undefined
  const stopAccepting = () => {
    closed ??= new Promise<void>((resolve) => server.close(() => resolve()))
    return closed
  }
  return {
    address: name,
    get clients() {
      return sockets.size
    },
    stopAccepting,
    async close(graceMs) {
      const closing = stopAccepting()
      server.closeIdleConnections()
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, graceMs)
      await closing
      clearTimeout(timer)
      if ('path' in address) rmSync(address.path, { force: true })
    },
  }
}

async function bind(server: Server, address: ListenAddress): Promise<void> {
  if ('path' in address) await makeWay(address.path)
  const opened = Promise.withResolvers<void>()
  server.once('listening', opened.resolve).once('error', opened.reject)
  // The socket is born with its final mode: what is wide open for a moment can be connected to in that moment.
  const before = process.umask(0o777 & ~socketMode)
  try {
    server.listen(address)
  } finally {
    process.umask(before)
  }
  try {
    await opened.promise
    if (!('path' in address)) return
    chmodSync(address.path, socketMode)
    if (address.group !== undefined) chownSync(address.path, process.geteuid?.() ?? 0, address.group)
  } catch (error) {
    throw new UsageError(`cannot listen on ${describe(address)}: ${(error as Error).message}`, {
      hint: 'see `http:` in the config, and what else listens there: ss -lnp',
      cause: error,
    })
  }
}

/** @throws {UsageError} Somebody answers at this path. */
async function makeWay(path: string): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  } catch (error) {
    throw new UsageError(`cannot make the folder of the socket ${path}: ${(error as Error).message}`, {
      hint: 'run hdsync as root, or name another socket under `http:` in the config',
      cause: error,
    })
  }
  const answers = await new Promise<boolean>((resolve) => {
    const probe = createConnection({ path })
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
  if (answers) throw new UsageError(`another process listens on ${path}`)
  rmSync(path, { force: true })
}

/** A unix socket has a path for its address; one that was handed over has none, where another has host and port. */
function isUnix(server: Server, address: ListenAddress): boolean {
  const bound = server.address()
  return typeof bound === 'string' || (bound === null && 'fd' in address)
}

function nameOf(server: Server, address: ListenAddress): string {
  const bound = server.address() as AddressInfo | string | null
  if (bound === null) return describe(address)
  if (typeof bound === 'string') return bound
  return bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`
}

function describe(address: ListenAddress): string {
  if ('path' in address) return address.path
  return 'fd' in address
    ? `the socket of the service manager (${address.fd})`
    : `${address.host}:${address.port}`
}
