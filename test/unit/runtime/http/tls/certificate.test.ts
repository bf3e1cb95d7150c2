import { execFileSync } from 'node:child_process'
import { chmodSync, renameSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { expiryText, readCertificate, type TlsSettings } from '../../../../../runtime/http/tls/certificate.ts'
import { selfSigned } from '../../../self-signed.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const dayMs = 86_400_000

describe('readCertificate()', () => {
  test('reads a certificate with its key, and when it expires', () => {
    const { endsAt } = readCertificate(selfSigned('web1', 30))
    expect(Math.round((endsAt - Date.now()) / dayMs)).toBe(30)
  })

  test.each<[string, (settings: TlsSettings) => TlsSettings, RegExp]>([
    [
      'a file that is not there',
      (pair) => ({ ...pair, certFile: '/nowhere/cert.pem' }),
      /^\/nowhere\/cert\.pem: http\.tls\.certFile: expected a file with a certificate, found none$/,
    ],
    [
      'a folder',
      (pair) => ({ ...pair, keyFile: temporaryFolder() }),
      /http\.tls\.keyFile: expected a file with a private key, found a folder$/,
    ],
    [
      'what is no certificate',
      (pair) => {
        writeFileSync(pair.certFile, 'none\n')
        return pair
      },
      /http\.tls\.certFile: expected a certificate in PEM, found something else \(/,
    ],
    [
      'a key with a passphrase',
      (pair) => {
        const locked = `${pair.keyFile}.locked`
        execFileSync(
          'openssl',
          ['ec', '-aes128', '-passout', 'pass:x', '-in', pair.keyFile, '-out', locked],
          {
            stdio: 'pipe',
          },
        )
        renameSync(locked, pair.keyFile)
        return pair
      },
      /http\.tls\.keyFile: expected a private key in PEM, without a passphrase, found something else/,
    ],
    [
      'the key of another certificate',
      (pair) => ({ ...pair, keyFile: selfSigned().keyFile }),
      /http\.tls\.keyFile: expected the key of the certificate in .*cert\.pem, found that of another$/,
    ],
    [
      'a key that others can read',
      (pair) => {
        chmodSync(pair.keyFile, 0o644)
        return pair
      },
      /http\.tls\.keyFile: expected a file that others cannot read, found mode 0644\n {2}run: chmod g-w,o= /,
    ],
  ])('refuses %s', (_, spoil, message) => {
    const settings = spoil(selfSigned())
    expect(() => readCertificate(settings)).toThrow(message)
  })
})

test.each([
  [8 * dayMs, undefined],
  [3.5 * dayMs, 'expires on 2026-11-24, in 3 days'],
  [dayMs, 'expires on 2026-11-24, in 1 day'],
  [1000, 'expires on 2026-11-24, within a day'],
  [0, 'has expired on 2026-11-24'],
])('expiryText() of a certificate that is good for %d ms more', (leftMs, text) => {
  const endsAt = Date.parse('2026-11-24T12:00:00Z')
  expect(expiryText({ endsAt }, endsAt - leftMs)).toBe(text)
})
