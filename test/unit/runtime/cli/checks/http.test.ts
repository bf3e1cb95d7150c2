import { chmodSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkCertificate, checkPort } from '../../../../../runtime/cli/checks/http.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { selfSigned } from '../../../self-signed.ts'

const found = (http: string) =>
  checkPort(
    parseConfig(
      `sources: { usr: { path: /usr, target: disk } }\ntargets: { disk: { path: /mnt/disk } }\n${http}`,
      'hdsync.yaml',
    ),
  )

test('checkPort() warns of a port without a token, and says how to get one', () => {
  expect(found('http: { listen: 127.0.0.1:7227 }')).toMatchObject([
    {
      id: 'http.no-token',
      severity: 'warning',
      finding: expect.stringContaining('127.0.0.1:7227 has no token'),
      remedy: expect.stringMatching(/openssl rand.*tokenFile.*\/run\/hdsync\/hdsync\.sock/),
    },
  ])
})

test.each([
  '',
  'http: { socket: /run/other.sock }',
  'http: { listen: 127.0.0.1:7227, tokenFile: /etc/hdsync/http.token }',
])('checkPort() has nothing to say of %j', (http) => expect(found(http)).toEqual([]))

test('checkCertificate() says until when it is good, that it expires soon, and that others can read the key', () => {
  const tls = selfSigned('web1', 30)
  const found = (days: number) => checkCertificate({ http: { tls } as never }, Date.now() + days * 86_400_000)
  expect(checkCertificate({}, 0)).toEqual([])
  expect(found(0)).toMatchObject([
    { id: 'http.tls', severity: 'ok', finding: expect.stringMatching(/is good until \d{4}-/) },
  ])
  expect(found(26)).toMatchObject([
    {
      severity: 'warning',
      finding: expect.stringMatching(/expires on .*, in 3 days$/),
      remedy: expect.stringContaining('renew'),
    },
  ])
  chmodSync(tls.keyFile, 0o640)
  expect(found(0)).toMatchObject([{ severity: 'ok' }])
  chmodSync(tls.keyFile, 0o644)
  expect(found(0)).toEqual([
    {
      id: 'http.tls',
      severity: 'warning',
      about: 'http',
      finding: `${tls.keyFile}: http.tls.keyFile: expected a file that others cannot read, found mode 0644`,
      remedy: `run: chmod g-w,o= ${tls.keyFile}`,
    },
  ])
})
