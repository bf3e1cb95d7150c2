import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Msg, MsgCallback, NatsConnection } from '@nats-io/transport-node'
import { expect, onTestFinished, test } from 'vitest'
import { connectToBroker, hear } from '../../../../../runtime/host/fleet/connection.ts'
import { newNkey } from '../../../../../runtime/host/fleet/nkey.ts'
import { selfSigned } from '../../../self-signed.ts'

/** A server that accepts connections. @returns Its port, and those connections that are still open. */
async function listening(server: Server, event: 'connection' | 'secureConnection') {
  const open = new Set<Socket>()
  server.on(event, (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { open, server: `tls://localhost:${port}` }
}

/** Where the server is, and that the certificate of the test vouches for it. */
const doorTo = (servers: string[], ca = '') => ({ seed: newNkey().seed, ca, name: 'test', servers })

test.each([
  ['says nothing', () => createServer(), 'connection'],
  [
    'says nothing once the connection is encrypted',
    (cert: string, key: string) => createTlsServer({ cert, key }),
    'secureConnection',
  ],
] as const)('connectToBroker() leaves no connection open to a server that %s', async (_, make, event) => {
  const { certFile, keyFile } = selfSigned()
  const ca = readFileSync(certFile, 'utf8')
  const { open, server } = await listening(make(ca, readFileSync(keyFile, 'utf8')), event)
  const attempt = connectToBroker(doorTo([server], ca))
  attempt.catch(() => {})
  await expect.poll(() => open.size).toBe(1)
  await expect(attempt).rejects.toThrow()
  await expect.poll(() => open.size).toBe(0)
})

test('connectToBroker() ends an attempt by its signal', async () => {
  const { open, server } = await listening(createServer(), 'connection')
  const end = new AbortController()
  const attempt = connectToBroker(doorTo([server]), end.signal)
  attempt.catch(() => {})
  await expect.poll(() => open.size).toBe(1)
  const since = performance.now()
  end.abort()
  await expect(attempt).rejects.toThrow()
  expect(performance.now() - since).toBeLessThan(2000)
  await expect.poll(() => open.size).toBe(0)
})

test('connectToBroker() goes on with the next server, and says why the last one does not take it', async () => {
  const { open, server } = await listening(
    createServer((socket) => socket.destroy()),
    'connection',
  )
  await expect(connectToBroker(doorTo(['tls://localhost:1', server]))).rejects.toThrow()
  await expect(connectToBroker(doorTo([server, 'tls://localhost:1']))).rejects.toThrow('ECONNREFUSED')
  expect(open.size).toBe(0)
})

test('hear() notes what a message throws, and ends the connection: the next one is not deaf', () => {
  const notes: string[] = []
  let take: MsgCallback<Msg> = () => {}
  let isClosed = false
  const connection = {
    subscribe(_: string, { callback }: { callback: MsgCallback<Msg> }) {
      take = callback
    },
    async close() {
      isClosed = true
    },
    isClosed: () => isClosed,
  } as unknown as NatsConnection
  hear(
    connection,
    'hub.join.*',
    (text) => notes.push(text),
    () => {
      throw new Error('no such file')
    },
  )
  take(null, { subject: 'hub.join.web1', data: Buffer.from('{}') } as unknown as Msg)
  expect(notes.join()).toContain('no such file')
  expect(isClosed).toBe(true)
})
