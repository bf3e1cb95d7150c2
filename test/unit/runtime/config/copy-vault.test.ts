import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { limitAt, limitLastsMs, windowsOf } from '../../../../runtime/config/copy-vault.ts'

const parse = (copy: string) =>
  parseConfig(
    `sources: { home: { path: /home, target: disk } }
targets: { disk: { path: /mnt/disk }, usb: { path: /mnt/usb } }
archive: { target: disk }
copies: { offsite: ${copy} }
`,
    'hdsync.yaml',
  )

function problemOf(copy: string): string {
  try {
    parse(copy)
    return 'none'
  } catch (error) {
    return (error as Error).message
  }
}

test('a vault is reached at port 22 unless the config says otherwise', () => {
  const { copies } = parse(
    '{ ssh: backup@vault.example.org, keyFile: /etc/hdsync/vault.key, limit: { "08:00-18:00": 2M } }',
  )
  expect(copies?.offsite?.vault).toEqual({
    ...{ user: 'backup', host: 'vault.example.org', port: 22, keyFile: '/etc/hdsync/vault.key' },
    knownHosts: '/etc/hdsync/known_hosts',
    limit: [{ fromMinute: 480, toMinute: 1080, bytesPerSecond: 2 * 1024 ** 2 }],
  })
})

test.each([
  ['{ sources: [home] }', /copies.offsite: expected either target or ssh, found neither/],
  ['{ target: usb, ssh: a@b, keyFile: /k }', /expected either target or ssh, found target and ssh/],
  ['{ target: usb, keyFile: /k }', /keyFile: expected no `keyFile` beside `target`/],
  ['{ ssh: a@b }', /expected a `keyFile` beside `ssh`, found none\n {2}ssh-keygen/],
  [
    '{ ssh: a@b, keyFile: /k, keep: { daily: 7 } }',
    /no `keep` beside `ssh`.*\n {2}what to keep is for the vault alone to say/,
  ],
  ['{ ssh: ssh://a@b:22, keyFile: /k }', /a user and a host .*\n {2}write a@b, and the port as `port`/],
  ['{ ssh: -oProxyCommand=id, keyFile: /k }', /a user and a host/],
  ['{ ssh: a@-b, keyFile: /k }', /a user and a host/],
  ['{ ssh: a@b, keyFile: "/k e y" }', /an absolute path of letters, digits/],
  ['{ ssh: a@b, keyFile: /k/../l }', /an absolute path of letters, digits/],
  ['{ ssh: a@b, keyFile: /k, port: 0 }', /port: expected a port, found 0/],
  [
    '{ ssh: a@b, keyFile: /k, limit: { "8-18": 2M } }',
    /times of the day such as "08:00-18:00", found "8-18"/,
  ],
  ['{ ssh: a@b, keyFile: /k, limit: { "08:00-25:00": 2M } }', /times of the day/],
  ['{ ssh: a@b, keyFile: /k, limit: { "08:00-18:00": 1K } }', /bytes a second such as 2M/],
  [
    '{ target: disk, encryptTo: /r }',
    /encryptTo: expected no `encryptTo` beside `target`.*\n {2}only copies in a vault/,
  ],
  ['{ ssh: a@b, keyFile: /k, encryptTo: age1abc }', /encryptTo: expected an absolute path/],
])('%s is refused', (copy, expected) => {
  expect(problemOf(copy)).toMatch(expected)
})

describe('limits', () => {
  const at = (time: string) => new Date(`2026-11-27T${time}`).getTime()
  const windows = windowsOf({ '08:00-18:00': 2000, '17:00-06:00': 1000 })

  test.each([
    ['07:59:59', undefined],
    ['08:00:00', 2000],
    ['17:00:00', 1000],
    ['18:00:00', 1000],
    ['05:59:00', 1000],
    ['06:00:00', undefined],
  ])('at %s it is %s', (time, limit) => {
    expect(limitAt(windows, at(time))).toBe(limit)
  })

  test('a day that is a window has it all day', () => {
    expect(limitAt(windowsOf({ '00:00-24:00': 5 }), at('12:00:00'))).toBe(5)
  })

  test('one lasts until the next minute at which a window begins or ends', () => {
    expect(limitLastsMs(windows, at('07:59:30'))).toBe(30_000)
    expect(limitLastsMs(windows, at('18:00:00'))).toBe(12 * 3_600_000)
    expect(limitLastsMs([], at('18:00:00'))).toBeUndefined()
  })
})
