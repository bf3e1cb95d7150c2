import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { parseConfig, type Source } from '../../../../runtime/config/config.ts'
import { ConfigError } from '../../../../runtime/config/problem.ts'

const SAMPLE = `sources:
  var:  { lv: vg01/lv_var,  target: hdd1, exclude: [cache] }
  home: { lv: vg01/lv_home, target: hdd1, snapshot: { size: 100M }, mount: { attempts: 10, backoff: 1s..30s } }
  usr:  { path: /usr, target: hdd1 }
targets:
  hdd1:
    path: /mnt/hdd1                       # source var is mirrored to /mnt/hdd1/var
    mounts:                               # mounted in this order, unmounted in reverse
      - { device: /dev/sdb1, at: /mnt/hdd1, type: ext4 }
      - { device: UUID=0e3c..., at: /mnt/hdd1/var, type: ext4 }
  hdd9: { path: /mnt/hdd9 }
archive: { target: hdd9, compression: zstd, level: 3 }
notify:
  - { exec: [/usr/local/bin/page-me], on: [run.failed] }
  - { webhook: { url: https://..., secretFile: /etc/hdsync/webhook.secret }, on: [run.*] }
  - { healthchecks: { url: https://hc-ping.com/... } }
state: /var/lib/hdsync
http: { listen: 127.0.0.1:7227, tokenFile: /etc/hdsync/http.token }
`

/** A config with one source, to which a test adds what it is about. */
function withSource(settings: string, more = ''): string {
  return `sources: { var: { lv: vg01/lv_var, target: disk, ${settings} } }\ntargets: { disk: { path: /mnt/disk } }\n${more}`
}

function sourceOf(settings: string, more = ''): Source {
  const source = parseConfig(withSource(settings, more), 'hdsync.yaml').sources.var
  if (!source) throw new Error('no source')
  return source
}

describe('parseConfig()', () => {
  test('reads the sample', () => {
    const config = parseConfig(SAMPLE, 'hdsync.yaml')
    expect(config.sources.home).toEqual({
      kind: 'lv',
      name: 'home',
      vg: 'vg01',
      lv: 'lv_home',
      target: 'hdd1',
      exclude: [],
      archive: true,
      maxDelete: { percent: 50 },
      maxChange: 'auto',
      snapshot: { size: { bytes: 104_857_600 }, gate: { timeoutMs: 60_000, onTimeout: 'give-up' } },
      mount: { attempts: 10, backoff: { minMs: 1000, maxMs: 30_000 } },
    })
    expect(config.sources.usr).toMatchObject({ kind: 'path', path: '/usr' })
    expect(config.targets.hdd1?.mounts).toEqual([
      { device: '/dev/sdb1', at: '/mnt/hdd1', type: 'ext4' },
      { device: 'UUID=0e3c...', at: '/mnt/hdd1/var', type: 'ext4' },
    ])
    expect(config.archive).toEqual({ target: 'hdd9', compression: 'zstd', level: 3 })
    expect(config.notify.map(({ kind }) => kind)).toEqual(['exec', 'webhook', 'healthchecks'])
    expect(config.http).toEqual({
      listen: { host: '127.0.0.1', port: 7227 },
      tokenFile: '/etc/hdsync/http.token',
      hosts: [],
      restore: false,
      rateLimit: { perSecond: 100, burst: 1000 },
      webhooks: {},
    })
  })

  test('keeps the order of the file', () => {
    expect(Object.keys(parseConfig(SAMPLE, 'hdsync.yaml').sources)).toEqual(['var', 'home', 'usr'])
  })

  test('names a hook, or takes what it is set to for its name', () => {
    const hooks = (settings: string) =>
      parseConfig(withSource('', `notify: [{ ${settings} }]`), 'hdsync.yaml').notify[0]
    const named = hooks('name: pager, exec: [/bin/page]')
    const trouble = ['archive.damaged', 'mirror.healed', 'mirror.doubtful', 'verify.failed']
    const proof = [
      'drill.failed',
      'drill.overdue',
      'copy.failed',
      'copy.overdue',
      'sync.unusual',
      'vault.odd',
      'vault.damaged',
      'vault.full',
      'vault.failed',
      'vault.overdue',
      'fleet.*.failed',
      'fleet.*.overdue',
      'fleet.*.held',
      'fleet.archive.damaged',
      'fleet.silent',
      'fleet.hub.gone',
      'fleet.certificate.ending',
    ]
    const on = ['run.*', 'unit.failed', 'function.overdue', ...trouble, ...proof]
    expect(named).toMatchObject({ kind: 'exec', key: 'pager', on, timeoutMs: 30_000 })
    const [one, other] = [hooks('exec: [/bin/page]'), hooks('exec: [/bin/page, now]')]
    expect(one?.key).toBe(one?.fingerprint)
    expect(one?.key).toBe(hooks('exec: [/bin/page]')?.key)
    expect(one?.key).not.toBe(other?.key)
  })

  test('knows the usual port of mail for each way to secure it', () => {
    const smtp = (settings: string) =>
      parseConfig(
        withSource('', `notify: [{ email: { to: a@b.example, smtp: { host: mail${settings} } } }]`),
        'hdsync.yaml',
      ).notify[0]
    expect(smtp('')).toMatchObject({ to: ['a@b.example'], smtp: { port: 587, security: 'starttls' } })
    expect(smtp(', security: tls')).toMatchObject({ smtp: { port: 465 } })
    expect(smtp(', security: none')).toMatchObject({ smtp: { port: 25 } })
    expect(smtp(', security: none, port: 2525')).toMatchObject({ smtp: { port: 2525 } })
  })

  test('warns of a hook on an event that does not exist', () => {
    const notify = 'notify: [{ exec: [/bin/page], on: [run.fail, run.failed, disk.full] }]'
    expect(parseConfig(withSource('', notify), 'hdsync.yaml').warnings).toEqual([
      'hdsync.yaml:3:36: notify[0].on[0]: "run.fail" is no event of hdsync; did you mean `run.failed`?',
      expect.stringContaining('"disk.full" is no event of hdsync; '),
    ])
  })

  test('fills in the defaults', () => {
    const config = parseConfig(withSource(''), 'hdsync.yaml')
    expect(config).toMatchObject({
      file: 'hdsync.yaml',
      notify: [],
      alert: { after: 36 * 3_600_000 },
      state: '/var/lib/hdsync',
      functions: '/etc/hdsync/functions',
      warnings: [],
    })
    expect(config.sources.var).toMatchObject({
      archive: false,
      maxDelete: { percent: 50 },
      maxChange: 'auto',
      snapshot: { size: 'auto' },
      mount: { attempts: 10, backoff: { minMs: 1000, maxMs: 30_000 } },
    })
    expect(config).not.toHaveProperty('archive')
    expect(config.targets.disk?.mounts).toEqual([])
  })

  test('archives each source that does not say otherwise, once archives have a target', () => {
    expect(sourceOf('', 'archive: { target: disk }').archive).toBe(true)
    expect(sourceOf('archive: false', 'archive: { target: disk }').archive).toBe(false)
    expect(sourceOf('').archive).toBe(false)
  })

  test.each([
    ['{ target: disk }', { target: 'disk', compression: 'zstd', level: 3 }],
    ['{ target: disk, compression: gzip }', { target: 'disk', compression: 'gzip', level: 6 }],
    ['{ target: disk, compression: none }', { target: 'disk', compression: 'none' }],
  ])('reads archive: %s', (text, archive) => {
    expect(parseConfig(withSource('', `archive: ${text}`), 'hdsync.yaml').archive).toEqual(archive)
  })

  test.each([
    ['maxDelete: 1000', { maxDelete: { files: 1000 } }],
    ['maxDelete: 0%', { maxDelete: { percent: 0 } }],
    ['maxChange: 40%', { maxChange: { percent: 40 } }],
    ['maxChange: 500', { maxChange: { files: 500 } }],
    ['maxChange: auto', { maxChange: 'auto' }],
    [
      'snapshot: { size: 20%, max: 10G }',
      { snapshot: { size: { percent: 20 }, max: { bytes: 10 * 1024 ** 3 } } },
    ],
    ['snapshot: { size: 104857600 }', { snapshot: { size: { bytes: 104_857_600 } } }],
    ['snapshot: { max: 100% }', { snapshot: { size: 'auto', max: { percent: 100 } } }],
    ['mount: { backoff: 5s }', { mount: { attempts: 10, backoff: { minMs: 5000, maxMs: 5000 } } }],
    ["exclude: ['*.tmp', /cache/]", { exclude: ['*.tmp', '/cache/'] }],
  ])('reads %s', (settings, expected) => expect(sourceOf(settings)).toMatchObject(expected))

  test('takes anchors and aliases', () => {
    const text = `sources:
  a: { path: /a, target: disk, exclude: &junk [cache] }
  b: { path: /b, target: disk, exclude: *junk }
targets: { disk: { path: /mnt/disk } }`
    expect(parseConfig(text, 'hdsync.yaml').sources.b?.exclude).toEqual(['cache'])
  })

  test('has no source that is not in the file', () => {
    const { sources, targets } = parseConfig(withSource(''), 'hdsync.yaml')
    expect(sources.constructor).toBeUndefined()
    expect(targets.toString).toBeUndefined()
  })

  test.each(['valueOf', 'toString', 'constructor', 'hasOwnProperty'])('knows no key %s', (key) => {
    expectOnlyConfigErrors(JSON.stringify({ [key]: false }))
    expectOnlyConfigErrors(withSource(`${key}: 1`))
    expectOnlyConfigErrors(JSON.stringify({ sources: { [key]: 1 }, targets: { [key]: 1 } }))
  })

  test('tells volumes from directories by their type', () => {
    expectTypeOf<Extract<Source, { kind: 'lv' }>['vg']>().toEqualTypeOf<string>()
    expectTypeOf<Extract<Source, { kind: 'path' }>['path']>().toEqualTypeOf<string>()
    expectTypeOf<Source['archive']>().toEqualTypeOf<boolean>()
  })

  test('throws nothing but a ConfigError with places inside of the text, whatever the text', () => {
    const lines = fc.array(
      fc.constantFrom(...SAMPLE.split('\n'), ...SAMPLE.split(/[ ,]+/), '\t', '&a', '*a', '"', '['),
    )
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.json(),
      mutated(),
      lines.map((l) => l.join('\n')),
    )
    fc.assert(fc.property(texts, expectOnlyConfigErrors), { numRuns: 1500 })
  })

  test.each([100, 400, 1000, 20_000])('survives %i levels of nesting', (depth) => {
    expectOnlyConfigErrors(`http: { webhooks: { a: ${'['.repeat(depth)}${']'.repeat(depth)} } }`)
    expectOnlyConfigErrors(`a: ${'{a: '.repeat(depth)}`)
  })

  test('survives a bomb of aliases', () => {
    const levels = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [*a${i - 1}, *a${i - 1}, *a${i - 1}]`)
    expectOnlyConfigErrors(`a-1: &a-1 [1]\n${levels.join('\n')}`)
  })
})

/** The sample, with one stretch of it replaced by something else. */
function mutated(): fc.Arbitrary<string> {
  return fc
    .tuple(fc.nat(SAMPLE.length), fc.nat(12), fc.string({ maxLength: 8 }))
    .map(([start, length, text]) => SAMPLE.slice(0, start) + text + SAMPLE.slice(start + length))
}

function expectOnlyConfigErrors(text: string): void {
  try {
    parseConfig(text, 'hdsync.yaml')
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const lines = text.split('\n')
    expect(error.problems.length).toBeGreaterThan(0)
    for (const { line = 0, column = 0 } of error.problems) {
      expect(line).toBeGreaterThanOrEqual(1)
      expect(line).toBeLessThanOrEqual(lines.length)
      expect(column).toBeGreaterThanOrEqual(1)
      expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1)
    }
  }
}

test('the example of hooks is a config that has one of every kind', () => {
  const example = readFileSync(new URL('../../../../deploy/examples/notify.yaml', import.meta.url), 'utf8')
  const { notify, warnings } = parseConfig(withSource('', example), 'hdsync.yaml')
  expect(new Set(notify.map(({ kind }) => kind))).toEqual(
    new Set(['exec', 'webhook', 'healthchecks', 'ntfy', 'email']),
  )
  expect(warnings).toEqual([])
})
