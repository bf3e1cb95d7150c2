import { connect } from 'node:net'

export const token = '0123456789abcdef0123456789abcdef'

/**
 * Sends events, one after the other on each of several connections, and waits for each to be taken. It writes and
 * reads bytes: an HTTP client would take more of the processor than the server that is measured.
 * @returns Milliseconds from the first request to the last answer.
 */
export async function send(
  port: number,
  count: number,
  connections: number,
  prefix: string,
): Promise<number> {
  let next = 0
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: connections }, () =>
      connection(port, () => (next < count ? requestOf(prefix, next++) : undefined)),
    ),
  )
  return performance.now() - startedAt
}

function requestOf(prefix: string, n: number): string {
  const id = `${prefix}${String(n).padStart(8, '0')}`
  const body = `{"specversion":"1.0","id":"${id}","source":"/bench","type":"backup.start","data":{"sources":["usr"]}}`
  return `POST /events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\ncontent-type: application/cloudevents+json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

function connection(port: number, next: () => string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const step = () => {
      const request = next()
      if (request) socket.write(request)
      else socket.end(resolve)
    }
    let answer = ''
    socket.setNoDelay(true)
    socket.once('connect', step)
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      if (!isWhole(answer)) return
      if (!answer.startsWith('HTTP/1.1 202')) return reject(new Error(answer))
      answer = ''
      step()
    })
  })
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return false
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(answer) ?? []
  const body = answer.slice(end + 4)
  return length === undefined ? body.endsWith('0\r\n\r\n') : body.length >= Number(length)
}
