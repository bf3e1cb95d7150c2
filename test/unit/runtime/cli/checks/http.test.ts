import { expect, test } from 'vitest'
import { checkPort } from '../../../../../runtime/cli/checks/http.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'

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
