import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect, TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { connectDaemon } from '../../../../../runtime/cli/daemon/client.ts'
import { type ListenAddress, type ListenOptions, listen } from '../../../../../runtime/http/listener.ts'
import { readCertificate, type TlsSettings } from '../../../../../runtime/http/tls/certificate.ts'
import { selfSigned } from '../../../self-signed.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const port: ListenAddress = { host: '127.0.0.1', port: 0 }

async function open(
  address: ListenAddress,
  certificate: NonNullable<ListenOptions['certificate']>,
  more: Partial<ListenOptions> = {},
) {
  const handle: ListenOptions['handle'] = ({ socket }, outgoing, local) =>
    void outgoing.end(JSON.stringify({ local, encrypted: socket instanceof TLSSocket }))
  const listener = await listen({ address, handle, certificate, ...more })
  onTestFinished(() => listener.close(0))
  return listener
}

/** What is answered to a browser that trusts this certificate. */
function get(address: string, { certFile }: TlsSettings): Promise<unknown> {
  const answered = Promise.withResolvers<unknown>()
  const [host, portOf] = address.split(':')
  const options = { host, port: portOf, servername: 'localhost', ca: readFileSync(certFile), agent: false }
  request(options, async (answer) => answered.resolve(JSON.parse(await text(answer))))
    .once('error', answered.reject)
    .end()
  return answered.promise
}

test('a port answers over TLS, with the certificate of the moment', async () => {
  const [old, fresh] = [selfSigned(), selfSigned()]
  let pair = readCertificate(old)
  const { address } = await open(port, () => pair)
  expect(await get(address, old)).toEqual({ local: false, encrypted: true })
  pair = readCertificate(fresh)
  expect(await get(address, fresh)).toEqual({ local: false, encrypted: true })
  await expect(get(address, old)).rejects.toThrow(/certificate/)
})

test('a port that is to be encrypted answers nobody in clear text, nor without a certificate', async () => {
  const pair = readCertificate(selfSigned())
  const { address } = await open(port, () => pair)
  await expect(fetch(`http://${address}/`)).rejects.toThrow('fetch failed')
  const { address: without } = await open(port, () => undefined)
  await expect(fetch(`http://${without}/`)).rejects.toThrow('fetch failed')
})

test('a unix socket is left as it is', async () => {
  const path = join(temporaryFolder(), 'hdsync.sock')
  await open({ path }, () => undefined)
  const daemon = await connectDaemon({ state: '/nowhere', http: { socket: path } })
  expect(await daemon?.get('/')).toEqual({ local: true, encrypted: false })
})

test('what is no HTTP, and a sender that is too slow, are answered over TLS as well', async () => {
  const pair = readCertificate(selfSigned())
  const { address } = await open(port, () => pair, { requestTimeoutMs: 200 })
  const sent = async (bytes: string) => {
    const socket = connect({ port: Number(address.split(':')[1]), rejectUnauthorized: false })
    onTestFinished(() => void socket.destroy())
    socket.write(bytes)
    return text(socket)
  }
  expect(await sent('nonsense\r\n\r\n')).toContain('HTTP/1.1 400 ')
  expect(await sent('GET / HTTP/1.1\r\n')).toContain('HTTP/1.1 408 ')
})

test('a listener that closes hangs up in the middle of a handshake', async () => {
  const pair = readCertificate(selfSigned())
  const listener = await open(port, () => pair)
  const socket = connectPlain(Number(listener.address.split(':')[1]), '127.0.0.1')
  while (listener.clients === 0) await new Promise((resolve) => setImmediate(resolve))
  await listener.close(0)
  expect(await text(socket).catch(() => 'reset')).toMatch(/^$|reset/)
})
