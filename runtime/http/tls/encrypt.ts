import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { createServer, type Server as SecureServer } from 'node:tls'
import type { Certificate } from './certificate.ts'

/** A handshake that takes longer is cut off. */
const handshakeTimeoutMs = 5000

/**
 * Has the connections of a server encrypted, by the certificate of the moment at which each begins. The server itself listens:
 * over a socket of the service manager it is known only then whether that is a port.
 * @param certificateOf `plain` for a connection that is left as it is; undefined hangs up.
 */
export function encrypt(server: Server, certificateOf: () => Certificate | 'plain' | undefined): void {
  const take = server.listeners('connection') as ((socket: Socket) => void)[]
  const takeAll = (socket: Socket) => {
    for (const one of take) one.call(server, socket)
  }
  // Most listeners never have a certificate.
  let secure: SecureServer | undefined
  let used: Certificate | undefined
  server.removeAllListeners('connection').on('connection', (socket) => {
    const certificate = certificateOf()
    if (certificate === undefined) socket.destroy()
    else if (certificate === 'plain') takeAll(socket)
    else {
      secure ??= secureBeside(server, takeAll)
      if (certificate !== used) secure.setSecureContext(certificate)
      used = certificate
      secure.emit('connection', socket)
    }
  })
}

/** Decrypts what a server is to take. */
function secureBeside(server: Server, take: (socket: Socket) => void): SecureServer {
  const options = {
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeTimeoutMs,
    minVersion: 'TLSv1.2',
  } as const
  const secure = createServer(options, take)
  // What is wrong with a request is answered as over any other connection.
  secure.on('clientError', (error, socket) => server.emit('clientError', error, socket))
  secure.on('tlsClientError', (_, socket) => socket.destroy())
  return secure
}
