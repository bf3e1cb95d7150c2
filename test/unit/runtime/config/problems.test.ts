import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { ConfigError } from '../../../../runtime/config/problem.ts'

/** What a person sees who has written this config. */
function printed(text: string): string {
  try {
    parseConfig(text, 'hdsync.yaml')
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'no problem'
}

const TARGETS = 'targets: { disk: { path: /mnt/disk } }\n'
const source = (settings: string) => printed(`sources:\n  var: { ${settings} }\n${TARGETS}`)
const volume = (settings: string) => source(`target: disk, lv: vg01/var, ${settings}`)
const target = (settings: string) =>
  printed(
    `targets:\n  disk: { path: /mnt/disk, ${settings} }\nsources: { etc: { path: /etc, target: disk } }`,
  )
const top = (settings: string) =>
  printed(`sources: { etc: { path: /etc, target: disk } }\n${TARGETS}${settings}`)

// Messages are written out in full, so that whoever changes one sees how it reads.

describe('what is not YAML', () => {
  test.each([
    ['', `hdsync.yaml:1:1: expected a map with the keys sources and targets, found an empty file`],
    ['- a', `hdsync.yaml:1:1: expected a map with the keys sources and targets, found a list`],
    [
      'sources:\n\tvar: 1',
      'hdsync.yaml:2:1: expected spaces as indentation, found a tab\n  replace the tab by spaces',
    ],
    [
      'sources:\n  lv vg01/var\n  target: disk',
      'hdsync.yaml:2:3: expected valid YAML, found "lv vg01/var"\n  a key is followed by a colon and a space',
    ],
    [
      'state: "/var\n',
      'hdsync.yaml:2:1: expected valid YAML, found the end of the file\n  Missing closing "quote',
    ],
    [
      'a: { lv: vg01/var target: disk }',
      'hdsync.yaml:1:10: expected valid YAML, found "vg01/var target: disk }"\n  separate what is inside { } and [ ] by commas',
    ],
    [
      'a: !secret x',
      'hdsync.yaml:1:4: expected a value without a tag, found "!secret x"\n  put a value that begins with one of * & ! @ % ` in quotes',
    ],
    [
      'a: 1\n---\nb: 2',
      'hdsync.yaml:2:1: expected a single YAML document, found a second one\n  remove the line ---',
    ],
    [
      '%YAML 1.1\n---\na: 1',
      'hdsync.yaml:1:1: expected YAML 1.2, found a directive of version 1.1\n  remove the line %YAML',
    ],
    ['a: &x [*x]', 'hdsync.yaml:1:8: a[0]: expected an alias of something else than itself, found "*x"'],
    ['__proto__: {}', 'hdsync.yaml:1:1: expected another key, found "__proto__"'],
  ])('%j', (text, message) => expect(printed(text)).toBe(message))

  test('a key that is there twice is told of beside what else is wrong', () => {
    expect(volume('maxDelete: 120%, target: disk')).toBe(
      `the config has 2 problems:
hdsync.yaml:2:49: sources.var.maxDelete: expected a percentage such as 50% or a number of files such as 1000, found "120%"
hdsync.yaml:2:55: sources.var.target: expected each key once, found it a second time`,
    )
  })
})

describe('a source', () => {
  test.each([
    [
      'target: disk, path: /var, exclude: [*.tmp]',
      'hdsync.yaml:2:46: sources.var.exclude[0]: expected a value, found "*.tmp", an alias of nothing\n  write it in quotes: "*.tmp"',
    ],
    ['target: disk', 'hdsync.yaml:2:3: sources.var: expected either lv or path, found neither'],
    [
      'target: disk, lv: vg01/var, path: /var',
      'hdsync.yaml:2:3: sources.var: expected either lv or path, found lv and path',
    ],
    ['lv: vg01/var', 'hdsync.yaml:2:3: sources.var.target: expected the name of a target, found nothing'],
    [
      'target: disc, lv: vg01/var',
      'hdsync.yaml:2:18: sources.var.target: expected the name of a target: disk, found "disc"\n  did you mean `disk`?',
    ],
    [
      'target: disk, lv: /dev/vg01/var',
      'hdsync.yaml:2:28: sources.var.lv: expected a logical volume as VG/LV, such as vg01/lv_var, found "/dev/vg01/var"\n  write vg01/var',
    ],
    [
      'target: disk, lv: /dev/mapper/vg--01-lv_var',
      'hdsync.yaml:2:28: sources.var.lv: expected a logical volume as VG/LV, such as vg01/lv_var, found "/dev/mapper/vg--01-lv_var"\n  write vg-01/lv_var',
    ],
    [
      'target: disk, lv: vg01/..',
      'hdsync.yaml:2:28: sources.var.lv: expected a logical volume as VG/LV, such as vg01/lv_var, found "vg01/.."',
    ],
    [
      'target: disk, path: /usr/',
      'hdsync.yaml:2:30: sources.var.path: expected an absolute path, found "/usr/"\n  write /usr',
    ],
    [
      'target: disk, path: /',
      'hdsync.yaml:2:30: sources.var.path: expected a directory apart from target disk (/mnt/disk), found "/"\n  a backup must not contain itself; or leave it out of var: `exclude: [/mnt/disk/]`',
    ],
    [
      'target: disk, path: "/a\\nb"',
      'hdsync.yaml:2:30: sources.var.path: expected an absolute path, found "/a\\nb"',
    ],
    [
      'target: disk, path: /mnt',
      'hdsync.yaml:2:30: sources.var.path: expected a directory apart from target disk (/mnt/disk), found "/mnt"\n  a backup must not contain itself; or leave it out of var: `exclude: [/disk/]`',
    ],
    [
      'target: disk, path: /var, snapshot: { size: 1G }',
      'hdsync.yaml:2:36: sources.var.snapshot: expected no `snapshot` beside `path`, found one\n  only a logical volume (`lv`) is copied by way of a snapshot',
    ],
  ])('%s', (settings, message) => expect(source(settings)).toBe(message))

  test.each([
    [
      'exlude: [cache]',
      'hdsync.yaml:2:38: sources.var.exlude: expected one of the keys lv, path, target, exclude, archive, maxDelete, maxChange, snapshot, mount or gate, found "exlude"\n  did you mean `exclude`?',
    ],
    [
      'exclude: [cache, 2024]',
      'hdsync.yaml:2:55: sources.var.exclude[1]: expected an rsync exclude pattern such as cache/ or "*.tmp", found 2024\n  put it in quotes if it is meant as text',
    ],
    ['exclude: cache', 'hdsync.yaml:2:47: sources.var.exclude: expected a list, found "cache"'],
    [
      'exclude: ["!"]',
      'hdsync.yaml:2:48: sources.var.exclude[0]: expected an rsync exclude pattern such as cache/ or "*.tmp", found "!"',
    ],
    [
      'snapshot: { size: 100 apples }',
      'hdsync.yaml:2:56: sources.var.snapshot.size: expected auto, a size such as 100M (at least 1M) or a percentage such as 20%, found "100 apples"',
    ],
    [
      'snapshot: { size: 100 }',
      'hdsync.yaml:2:56: sources.var.snapshot.size: expected auto, a size such as 100M (at least 1M) or a percentage such as 20%, found 100',
    ],
    [
      'snapshot: { size: 10G, max: 5G }',
      'hdsync.yaml:2:66: sources.var.snapshot.max: expected at least the `size`, found "5G"',
    ],
    [
      'snapshot: { gate: { timeout: 0s } }',
      'hdsync.yaml:2:67: sources.var.snapshot.gate.timeout: expected a duration from 1s to 1h, such as 60s, found "0s"',
    ],
    [
      'snapshot: { gate: { onTimeout: never } }',
      'hdsync.yaml:2:69: sources.var.snapshot.gate.onTimeout: expected give-up or take-anyway, found "never"',
    ],
    ['snapshot:', 'hdsync.yaml:2:48: sources.var.snapshot: expected a map, found nothing'],
    [
      'mount: { attempts: 0 }',
      'hdsync.yaml:2:57: sources.var.mount.attempts: expected a whole number from 1 to 100, found 0',
    ],
    [
      'mount: { backoff: 30s..1s }',
      'hdsync.yaml:2:56: sources.var.mount.backoff: expected a duration such as 5s, or a range such as 1s..30s (at most 1h), found "30s..1s"\n  the shorter duration comes first',
    ],
    [
      'archive: true',
      'hdsync.yaml:2:47: sources.var.archive: expected false, as the config has no `archive`, found true\n  say where archives go: `archive: { target: NAME }` at the top of the file',
    ],
    ['archive: yes', 'hdsync.yaml:2:47: sources.var.archive: expected true or false, found "yes"'],
  ])('%s', (settings, message) => expect(volume(settings)).toBe(message))

  test.each([
    [
      'friday',
      'hdsync.yaml:1:12: sources.friday: expected a name that is no weekday, found "friday"\n  Monday to Sunday are the folders of the archives',
    ],
    [
      '../etc',
      'hdsync.yaml:1:12: sources["../etc"]: expected a name of letters, digits, `_`, `.` and `-` (at most 63, not only digits, no `..`), found "../etc"',
    ],
    [
      '2024',
      'hdsync.yaml:1:12: sources.2024: expected a name of letters, digits, `_`, `.` and `-` (at most 63, not only digits, no `..`), found "2024"',
    ],
  ])('named %s', (name, message) => {
    expect(printed(`sources: { ${name}: { path: /etc, target: disk } }\n${TARGETS}`)).toBe(message)
  })

  test('clashes with another one of the same volume, or of a directory around it', () => {
    const text = `sources:
  a: { lv: vg01/var, target: disk }
  b: { lv: vg01/var, target: disk }
  usr: { path: /usr, target: disk }
  local: { path: /usr/local, target: disk }
  usr2: { path: /usr2, target: disk }
${TARGETS}`
    expect(printed(text)).toBe(`the config has 2 problems:
hdsync.yaml:3:12: sources.b.lv: expected another volume than that of source a, found "vg01/var"
hdsync.yaml:5:18: sources.local.path: expected a directory apart from source usr (/usr), found "/usr/local"
  what is nested would be copied twice; or leave it out of usr: \`exclude: [/local/]\``)
  })
})

describe('a directory that another source leaves out', () => {
  const problems = (exclude: string) => {
    const text = `sources:
  root: { path: /, target: disk, exclude: [${exclude}] }
  home: { path: /home, target: disk }
${TARGETS}`
    try {
      parseConfig(text, 'hdsync.yaml')
      return 'none'
    } catch (error) {
      return String(error)
    }
  }

  test.each(['/home/, /mnt/disk/', '/home, /mnt/*', '/home/*, /mnt/', '/home/**, /mnt/disk'])(
    'may be backed up by itself: %s',
    (exclude) => expect(problems(exclude)).toBe('none'),
  )

  test.each(['home/, /mnt/', '/home/ann/, /mnt/', '/hom?/, /mnt/', '/, /mnt/', '/homework/, /mnt/'])(
    'is named by its path alone: %s',
    (exclude) => expect(problems(exclude)).toContain('leave it out of root: `exclude: [/home/]`'),
  )
})

describe('a target', () => {
  test.each([
    [
      'mounts: [{ device: sdb1, at: /mnt/disk }]',
      'hdsync.yaml:2:47: targets.disk.mounts[0].device: expected a device: /dev/..., UUID=..., LABEL=... or PARTUUID=..., found "sdb1"',
    ],
    [
      'mounts: [{ device: /dev/sdb1, at: /mnt/dis }]',
      'hdsync.yaml:2:62: targets.disk.mounts[0].at: expected /mnt/disk, or a path above or below it, found "/mnt/dis"',
    ],
    [
      'mounts: [{ device: /dev/b, at: /mnt/disk/var }, { device: /dev/a, at: /mnt/disk }]',
      'hdsync.yaml:2:98: targets.disk.mounts[1].at: expected /mnt/disk to be listed before /mnt/disk/var, found it after\n  mounts are made in this order: move the parent up',
    ],
    [
      'mounts: [{ device: /dev/a, at: /mnt/disk }, { device: /dev/b, at: /mnt/disk }]',
      'hdsync.yaml:2:94: targets.disk.mounts[1].at: expected each mount point once, found "/mnt/disk"',
    ],
    [
      'mounts: [{ device: /dev/a, at: /mnt/disk, options: ["ro,noatime"] }]',
      'hdsync.yaml:2:80: targets.disk.mounts[0].options[0]: expected one mount option such as noatime, found "ro,noatime"',
    ],
  ])('%s', (settings, message) => expect(target(settings)).toBe(message))

  test('is apart from other targets', () => {
    const text = `sources: { etc: { path: /etc, target: a } }
targets: { a: { path: /mnt/a }, b: { path: /mnt/a/b }, c: { path: /mnt/ab } }`
    expect(printed(text)).toBe(
      'hdsync.yaml:2:44: targets.b.path: expected a directory apart from target a (/mnt/a), found "/mnt/a/b"\n  a sync of one could delete from the other',
    )
  })
})

describe('the rest', () => {
  test.each([
    [
      'archive: { target: hdd9 }',
      'hdsync.yaml:3:20: archive.target: expected the name of a target: disk, found "hdd9"',
    ],
    [
      'archive: { target: disk, compression: xz }',
      'hdsync.yaml:3:39: archive.compression: expected zstd, gzip or none, found "xz"',
    ],
    [
      'archive: { target: disk, compression: gzip, level: 12 }',
      'hdsync.yaml:3:52: archive.level: expected a level from 1 to 9 for gzip, found 12',
    ],
    [
      'archive: { target: disk, compression: none, level: 3 }',
      'hdsync.yaml:3:52: archive.level: expected no level without compression, found 3',
    ],
    [
      'archive: { target: disk, level: high }',
      'hdsync.yaml:3:33: archive.level: expected a whole number, found "high"',
    ],
    ['notify:', 'hdsync.yaml:3:8: notify: expected a list, found nothing'],
    [
      'notify: [{}]',
      'hdsync.yaml:3:10: notify[0]: expected either exec, webhook, healthchecks, ntfy or email, found neither',
    ],
    [
      'notify: [{ exec: /bin/page }]',
      'hdsync.yaml:3:18: notify[0].exec: expected a list of a command and its arguments, such as [/usr/local/bin/page-me, now], found "/bin/page"',
    ],
    [
      'notify: [{ exec: [] }]',
      'hdsync.yaml:3:12: notify[0].exec[0]: expected an absolute path, found nothing',
    ],
    [
      'notify: [{ exec: [page] }]',
      'hdsync.yaml:3:19: notify[0].exec[0]: expected an absolute path, found "page"',
    ],
    [
      'notify: [{ exec: [/bin/page, 5] }]',
      'hdsync.yaml:3:30: notify[0].exec[1]: expected text, found 5\n  put it in quotes if it is meant as text',
    ],
    [
      'notify: [{ exec: [/bin/page], timeout: 2h }]',
      'hdsync.yaml:3:40: notify[0].timeout: expected a duration from 1s to 1h, such as 30s, found "2h"',
    ],
    [
      'notify: [{ exec: [/bin/page], on: [] }]',
      'hdsync.yaml:3:35: notify[0].on: expected a list that is not empty, found an empty list',
    ],
    [
      'notify: [{ webhook: { url: https://a.example } }]',
      'hdsync.yaml:3:12: notify[0].webhook.secretFile: expected an absolute path, found nothing',
    ],
    [
      'notify: [{ healthchecks: { url: https://a.example }, timeout: 5m }]',
      'hdsync.yaml:3:63: notify[0].timeout: expected a duration of at most 30s for healthchecks, found "5m"',
    ],
    [
      'notify: [{ name: a, exec: [/a] }, { name: a, exec: [/b] }]',
      'hdsync.yaml:3:43: notify[1].name: expected a name that no other hook has, found "a"',
    ],
    [
      'notify: [{ email: { to: admin, sendmail: /usr/sbin/sendmail } }]',
      'hdsync.yaml:3:25: notify[0].email.to: expected a mail address such as admin@example.org, found "admin"',
    ],
    [
      'notify: [{ email: { to: a@b.example } }]',
      'hdsync.yaml:3:12: notify[0].email: expected either smtp or sendmail, found neither',
    ],
    [
      'notify: [{ email: { to: a@b.example, smtp: { host: mail, user: me } } }]',
      'hdsync.yaml:3:44: notify[0].email.smtp: expected `user` and `passwordFile`, or neither, found no `passwordFile`',
    ],
    [
      'notify: [{ ntfy: { url: https://ntfy.sh, topic: a/b } }]',
      'hdsync.yaml:3:49: notify[0].ntfy.topic: expected a topic of letters, digits, `_` and `-` (at most 64), found "a/b"\n  the address of the server belongs into `url`',
    ],
    [
      'notify: [{ ntfy: { url: https://ntfy.sh, topic: a, priority: urgent } }]',
      'hdsync.yaml:3:62: notify[0].ntfy.priority: expected min, low, default, high or max, found "urgent"',
    ],
    [
      'alert: { after: 100d }',
      'hdsync.yaml:3:17: alert.after: expected at most what `keep` says, which is 90d, found "100d"',
    ],
    [
      'alert: { after: 36 }',
      'hdsync.yaml:3:17: alert.after: expected a duration from 1m to 36500d, such as 36h, found 36',
    ],
    [
      'notify: [{ healthchecks: { url: hc-ping.com/secret } }]',
      'hdsync.yaml:3:33: notify[0].healthchecks.url: expected an address that begins with https:// or http://, found a text (not shown)',
    ],
    [
      'vault: { path: /mnt/disk/vault }',
      'hdsync.yaml:3:16: vault.path: expected a directory apart from target disk (/mnt/disk), found "/mnt/disk/vault"',
    ],
    [
      'vault: { path: /srv/vault, hosts: { Web1: {} } }',
      'hdsync.yaml:3:37: vault.hosts.Web1: expected the name of a host: lower-case letters, digits and `-`, beginning with a letter (at most 24), found "Web1"',
    ],
    [
      'vault: { path: /srv/vault, concurrency: 0 }',
      'hdsync.yaml:3:41: vault.concurrency: expected a whole number from 1 to 64, found 0',
    ],
    ['state: var', 'hdsync.yaml:3:8: state: expected an absolute path, found "var"'],
    [
      'target: {}',
      'hdsync.yaml:3:1: target: expected one of the keys sources, targets, archive, copies, vault, fleet, notify, alert, state, keep, restore, verify, drill, limits, functions, guests or http, found "target"\n  did you mean `targets`?',
    ],
  ])('%s', (settings, message) => expect(top(settings)).toBe(message))

  test.each([
    ['role: host', 'fleet.servers: expected a list, found nothing'],
    [
      'role: host, servers: [nats://hub:4222]',
      'expected the address of a NATS server with TLS such as tls://hub1.example.org:4222',
    ],
    [
      "role: host, servers: ['tls://hub:4222'], obeys: [restore.start]",
      'fleet.obeys[0]: expected backup.start, verify.start, drill.start, copy.start, sync.meant or config.set',
    ],
    [
      "role: host, servers: ['tls://hub:4222'], slot: { server: 'vault 1' }",
      'expected the name of a backup server: letters, digits, `_`, `.` and `-` (at most 63)',
    ],
    ["role: host, servers: ['tls://hub:4222'], slot: { patience: 2h }", 'fleet.slot.server: expected'],
    [
      "role: host, servers: ['tls://hub:4222'], slot: { server: vault1, patience: 10s }",
      'expected a duration from 1m to 7d',
    ],
    ["role: hub, servers: ['tls://hub:4222'], slots: { vault1: 0 }", 'fleet.slots.vault1: expected'],
    ["role: host, servers: ['tls://hub:4222'], slots: { vault1: 8 }", 'no `slots` where `role` is host'],
    ["role: hub, servers: ['tls://hub:4222'], slot: { server: vault1 }", 'no `slot` where `role` is hub'],
    ["role: host, servers: ['tls://hub:4222'], folder: /srv/fleet", 'no `folder` where `role` is host'],
    ["role: hub, servers: ['tls://hub:4222'], labels: [web]", 'no `labels` where `role` is hub'],
    ["role: hub, servers: ['tls://hub:4222'], obeys: []", 'no `obeys` where `role` is hub'],
    ["role: hub, servers: ['tls://hub:4222'], silentAfter: 36h", 'no `silentAfter` where `role` is hub'],
  ])('fleet: { %s }', (fleet, expected) => {
    expect(top(`fleet: { ${fleet} }`)).toContain(expected)
  })

  test('a vault need not back up anything of its own', () => {
    const { sources, targets, vault } = parseConfig(
      'vault: { path: /srv/vault, hosts: { web1: {} } }',
      'hdsync.yaml',
    )
    expect([Object.keys(sources), Object.keys(targets)]).toEqual([[], []])
    const keep = { daily: 7, weekly: 5, monthly: 12, yearly: 3, atLeast: 5 }
    expect(vault).toMatchObject({
      path: '/srv/vault',
      concurrency: 4,
      hosts: { web1: { keep, mayGet: false } },
    })
  })

  test('a config without a source, or without targets', () => {
    expect(printed(`sources: {}\n${TARGETS}`)).toBe(
      'hdsync.yaml:1:10: sources: expected at least one source, found an empty map',
    )
    expect(printed('sources: { etc: { path: /etc, target: disk } }')).toBe(`the config has 2 problems:
hdsync.yaml:1:1: targets: expected a map, found nothing
hdsync.yaml:1:39: sources.etc.target: expected a target of \`targets\`, found "disk"`)
  })
})

describe('ConfigError', () => {
  test('shows fifty problems, counts them all, and keeps them in the order of the file', () => {
    const text = `targets:\n${Array.from({ length: 55 }, (_, i) => `  t${i}: { path: relative }`).join('\n')}\nsources: 3\n`
    const message = printed(text)
    expect(message).toMatch(/^the config has 56 problems:\nhdsync\.yaml:2:15: targets\.t0\.path: /)
    expect(message.split('\n')).toHaveLength(52)
    expect(message).toMatch(/\n\.\.\. and 6 more$/)
  })

  test('finds clashes between the parts that are right, whatever is wrong with others', () => {
    const text = `sources:
  a: { lv: nonsense, target: nowhere }
  usr: { path: /usr, target: disk }
  local: { path: /usr/local, target: disc }
${TARGETS}`
    expect(printed(text)).toMatch(/sources\.a\.lv: .*sources\.local\.path: .*sources\.local\.target: /s)
  })

  test('prints nothing that a terminal would obey', () => {
    const message = printed('"a\\e[31m": 1\n"b\\u202e": 2\n')
    expect(message).not.toMatch(/[[\p{Cc}\p{Cf}]--\n]/v)
    expect(message).toContain('["a\\u001b[31m"]')
  })
})
