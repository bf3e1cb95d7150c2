import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { ConfigError } from '../../../../runtime/config/problem.ts'

const head = `sources: { home: { path: /home, target: disk }, www: { path: /srv/www, target: disk } }
targets: { disk: { path: /mnt/disk } }
`

const httpOf = (settings: string) => parseConfig(`${head}http: { ${settings} }\n`, 'hdsync.yaml').http

/** What a person sees who has written this. */
function printed(settings: string): string {
  try {
    httpOf(settings)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'no problem'
}

const webhook = (settings: string) =>
  printed(`webhooks: { deploy: { secretFile: /etc/hdsync/deploy.secret, ${settings} } }`)

describe('http: reads', () => {
  test.each([
    ['127.0.0.1:7227', { host: '127.0.0.1', port: 7227 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
    ["'[::1]:7227'", { host: '::1', port: 7227 }],
    ['127.1.2.3:0', { host: '127.1.2.3', port: 0 }],
  ])('the address %s', (text, listen) => {
    expect(httpOf(`listen: ${text}`)?.listen).toEqual(listen)
  })

  test.each([
    ['100/s', { perSecond: 100, burst: 1000 }],
    ['6/m', { perSecond: 0.1, burst: 1 }],
  ])('the rate %s', (text, rate) => {
    expect(httpOf(`rateLimit: ${text}`)?.rateLimit).toEqual(rate)
  })

  test('an address that others reach, with a token', () => {
    expect(printed('listen: 0.0.0.0:7227, tokenFile: /etc/hdsync/http.token')).toBe('no problem')
  })

  test('a webhook with data that fits its event', () => {
    expect(webhook('event: backup.start, data: { sources: [www] }')).toBe('no problem')
    expect(webhook('event: backup.start')).toBe('no problem')
  })
})

describe('http: refuses', () => {
  const tokenHint =
    '\n  whoever reaches it could start and cancel backups: make a token (openssl rand -hex 32) and name its file'

  test.each([
    ['0.0.0.0:7227', '0.0.0.0:7227'],
    ["'[::]:7227'", '[::]:7227'],
    ['backup.example.org:7227', 'backup.example.org:7227'],
  ])('%s without a token', (text, found) => {
    expect(printed(`listen: ${text}`)).toBe(
      `hdsync.yaml:3:17: http.listen: expected an address of this box alone, such as 127.0.0.1, as there is no \`tokenFile\`, found ${JSON.stringify(found)}${tokenHint}`,
    )
  })

  test.each([
    [
      'listen: 7227',
      'hdsync.yaml:3:17: http.listen: expected an address and port such as 127.0.0.1:7227, found 7227\n  write 127.0.0.1:7227',
    ],
    [
      'listen: 127.0.0.1:70000',
      'hdsync.yaml:3:17: http.listen: expected an address and port such as 127.0.0.1:7227, found "127.0.0.1:70000"',
    ],
    ['rateLimit: 100', 'hdsync.yaml:3:20: http.rateLimit: expected a rate such as 100/s or 600/m, found 100'],
    [
      'rateLimit: 0/s',
      'hdsync.yaml:3:20: http.rateLimit: expected a rate such as 100/s or 600/m, found "0/s"',
    ],
    [
      'hosts: [backup.example.org:443]',
      'hdsync.yaml:3:17: http.hosts[0]: expected a host name such as backup.example.org, without a port, found "backup.example.org:443"',
    ],
    [
      'tls: { certFile: /etc/hdsync/cert.pem }',
      'hdsync.yaml:3:9: http.tls.keyFile: expected an absolute path, found nothing',
    ],
    [
      'tokenfile: /etc/hdsync/http.token',
      'hdsync.yaml:3:9: http.tokenfile: expected one of the keys listen, tokenFile, readTokenFile, tls, base, socket, users, restore, hosts, rateLimit or webhooks, found "tokenfile"\n  did you mean `tokenFile`?',
    ],
  ])('%s', (settings, message) => {
    expect(printed(settings)).toBe(message)
  })

  const place = (column: number, key: string) => `hdsync.yaml:3:${column}: http.webhooks.deploy.${key}: `

  test.each([
    [
      'event: backup.strat',
      `${place(77, 'event')}expected an event that may be asked for: backup.start, copy.start, drill.start, sync.meant, sync.dismissed, unit.failed or verify.start, found "backup.strat"\n  did you mean \`backup.start\`?`,
    ],
    [
      'event: run.failed',
      `${place(77, 'event')}expected an event that may be asked for: backup.start, copy.start, drill.start, sync.meant, sync.dismissed, unit.failed or verify.start, found "run.failed"\n  run.failed is made by hdsync itself`,
    ],
    [
      'event: backup.start, data: { sources: www }',
      `${place(108, 'data.sources')}expected a list, found "www"`,
    ],
    [
      'event: backup.start, data: { sources: [www, hone] }',
      `${place(114, 'data.sources[1]')}expected the name of a source: home or www, found "hone"\n  did you mean \`home\`?`,
    ],
    [
      'event: backup.start, data: { source: [www] }',
      `${place(99, 'data.source')}expected one of the keys sources, found "source"\n  did you mean \`sources\`?`,
    ],
  ])('a webhook with %s', (settings, message) => {
    expect(webhook(settings)).toBe(message)
  })

  test('a webhook whose name could not stand in a path', () => {
    expect(printed('webhooks: { a/b: { secretFile: /x, event: backup.start } }')).toContain(
      'expected a name of letters, digits, `_` and `-` (at most 63), found "a/b"',
    )
  })
})

test('a webhook that was to permit deletions, as in version 0.1, still starts its run, and permits none', () => {
  const { http, warnings } = parseConfig(
    `sources: { www: { path: /www, target: disk } }
targets: { disk: { path: /disk } }
http: { webhooks: { deploy: { secretFile: /x, event: backup.start, data: { sources: [www], allowDeletions: { gone: 9 } } } } }`,
    'hdsync.yaml',
  )
  expect(http?.webhooks.deploy?.data).toEqual({ sources: ['www'] })
  expect(warnings).toEqual([
    'hdsync.yaml:3:92: http.webhooks.deploy.data.allowDeletions: allowDeletions permits nothing any more and is left out; a held sync is let go on by `hdsync release`',
  ])
})
