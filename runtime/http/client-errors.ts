import { type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Problem } from './problem.ts'

/**
 * Answers what Node refuses before there is a request (headers that are too large, senders that are too slow, what
 * is no HTTP), as problem details like everything else.
 */
export function answerClientErrors(server: Server): void {
  const answering = new WeakMap<Duplex, ServerResponse>()
  server.on('request', ({ socket }, response) => void answering.set(socket, response))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const current = answering.get(socket)
    // In the middle of an answer, another one would be taken for a part of it.
    const inTheMiddle = current?.headersSent && !current.writableFinished
    if (error.code === 'ECONNRESET' || !socket.writable || inTheMiddle) socket.destroy()
    else socket.end(wireText(problemOf(error)), () => socket.destroy())
  })
}

function problemOf({ code, message }: NodeJS.ErrnoException): Problem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new Problem('headers-too-large', 'the headers are larger than 16 KiB')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Problem('too-slow', 'send the request in one go')
  return new Problem('malformed-request', message)
}

/** A whole answer as it goes over the wire: there is no response object to write it with. */
function wireText(problem: Problem): string {
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'content-type: application/problem+json',
    'x-content-type-options: nosniff',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
