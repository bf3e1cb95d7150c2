import { chmodSync, copyFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  type Certificate,
  readCertificate,
  type TlsSettings,
} from '../../../../../runtime/http/tls/certificate.ts'
import { RenewedCertificate } from '../../../../../runtime/http/tls/renewed.ts'
import { selfSigned } from '../../../self-signed.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const dayMs = 86_400_000

function renewed(settings: TlsSettings, now = Date.now(), before?: Certificate) {
  const warnings: string[] = []
  const certificate = new RenewedCertificate(
    settings,
    { now: () => now },
    (text) => warnings.push(text),
    before,
  )
  return { certificate, warnings }
}

test('takes a renewed pair, and keeps the old one while only half of the new one is there', () => {
  const settings = selfSigned('old')
  const { certificate, warnings } = renewed(settings)
  const old = certificate.current()
  expect(old).toMatchObject(readCertificate(settings))
  const fresh = selfSigned('new')
  copyFileSync(fresh.certFile, settings.certFile)
  expect(certificate.current()).toBe(old)
  expect(certificate.current()).toBe(old)
  expect(warnings).toEqual([
    expect.stringMatching(/^TLS: the certificate before it stays: .*found that of another$/),
  ])
  copyFileSync(fresh.keyFile, settings.keyFile)
  expect(certificate.current()).toEqual(readCertificate(fresh))
  expect(warnings).toHaveLength(1)
})

test('notices a link that was turned to another file, as certbot does', () => {
  const folder = temporaryFolder()
  const links = { certFile: join(folder, 'fullchain.pem'), keyFile: join(folder, 'privkey.pem') }
  const turn = (to: TlsSettings) => {
    for (const key of ['certFile', 'keyFile'] as const) {
      rmSync(links[key], { force: true })
      symlinkSync(to[key], links[key])
    }
  }
  turn(selfSigned('old'))
  const { certificate } = renewed(links)
  certificate.current()
  const fresh = selfSigned('new')
  turn(fresh)
  expect(certificate.current()).toEqual(readCertificate(fresh))
})

test('has none while there was no good pair, and takes one that is mended', () => {
  const settings = selfSigned()
  chmodSync(settings.keyFile, 0o644)
  const { certificate, warnings } = renewed(settings)
  expect(certificate.current()).toBeUndefined()
  expect(warnings).toEqual([
    expect.stringMatching(/^TLS: nobody is let in over the port: .*found mode 0644\n {2}run: chmod/),
  ])
  chmodSync(settings.keyFile, 0o600)
  expect(certificate.current()).toEqual(readCertificate(settings))
})

test('goes by the pair before it while other files that the config names are broken', () => {
  const before = readCertificate(selfSigned())
  const { certificate } = renewed({ certFile: '/nowhere/a', keyFile: '/nowhere/b' }, Date.now(), before)
  expect(certificate.current()).toBe(before)
})

test('serves what has expired, and warns', () => {
  const { certificate, warnings } = renewed(selfSigned('web1', 1), Date.now() + 2 * dayMs)
  expect(certificate.current()).toBeDefined()
  expect(warnings).toEqual([
    expect.stringMatching(/^TLS: the certificate in .*cert\.pem has expired on \d{4}-/),
  ])
})
