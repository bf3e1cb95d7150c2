import { appendFileSync, copyFileSync, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { expect, test } from 'vitest'
import type { TlsSettings } from '../../../../../runtime/http/tls/certificate.ts'
import { selfSigned } from '../../../self-signed.ts'
import { makeServer } from '../night.ts'
import { hdsync, serve } from '../processes.ts'

/** @returns The cookie that a browser is given which trusts this certificate. */
function follow(link: string, { certFile }: TlsSettings): Promise<string | undefined> {
  const answered = Promise.withResolvers<string | undefined>()
  const options = { ca: readFileSync(certFile), servername: 'localhost', agent: false }
  request(link, options, ({ headers }) => answered.resolve(headers['set-cookie']?.[0]))
    .once('error', answered.reject)
    .end()
  return answered.promise
}

test('a port with a certificate is reached by https links, its cookies are for TLS alone, and a renewal is taken', async () => {
  const server = await makeServer()
  const tls = selfSigned()
  const port = 20_000 + (process.pid % 10_000)
  appendFileSync(
    server.config,
    `http: { listen: 127.0.0.1:${port}, tls: { certFile: ${tls.certFile}, keyFile: ${tls.keyFile} } }\n`,
  )
  const daemon = await serve(server)
  const open = async () => JSON.parse((await hdsync(server, 'open', '--json').ended).out).link as string
  const link = await open()
  expect(link).toMatch(new RegExp(`^https://127\\.0\\.0\\.1:${port}/open/`))
  expect(await follow(link, tls)).toMatch(/^hdsync-\w+=[\w-]{32}; .*; HttpOnly; SameSite=Strict; Secure$/)

  const fresh = selfSigned()
  copyFileSync(fresh.certFile, tls.certFile)
  daemon.child.kill('SIGHUP')
  await expect.poll(daemon.said).toContain('TLS: the certificate before it stays')
  copyFileSync(fresh.keyFile, tls.keyFile)
  expect(await follow(await open(), fresh)).toContain('Secure')
})
