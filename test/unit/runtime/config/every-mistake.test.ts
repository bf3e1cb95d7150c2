import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { ConfigError } from '../../../../runtime/config/problem.ts'

// Whatever is wrong in a config, each mistake is told of beside every other: nobody mends one to be told of the next.

const good = () => ({
  sources: {
    var: { lv: 'vg01/var', target: 'disk', snapshot: { size: '1G', max: '2G' }, mount: { attempts: 5 } },
    etc: { path: '/etc', target: 'disk', exclude: ['/cache/', '*.tmp'], maxDelete: '50%', maxChange: '40%' },
    srv: { path: '/srv', target: 'disk', archive: true },
  },
  targets: {
    disk: { path: '/mnt/disk', mounts: [{ device: '/dev/sdb1', at: '/mnt/disk', type: 'ext4' }] },
    week: {
      path: '/mnt/week',
      mounts: [
        { device: '/dev/sdc1', at: '/mnt/week' },
        { device: '/dev/sdd1', at: '/mnt/week/sub' },
      ],
      parallel: 2,
    },
  },
  archive: { target: 'week', compression: 'zstd', level: 3 },
  notify: [
    { exec: ['/bin/true'], name: 'one', timeout: '30s' },
    { webhook: { url: 'https://example.org', secretFile: '/etc/secret' }, name: 'two', timeout: '30s' },
    {
      email: { to: 'a@example.org', smtp: { host: 'mail', user: 'a', passwordFile: '/etc/p' } },
      name: 'three',
    },
  ],
  alert: { after: '36h' },
  keep: '90d',
  http: {
    listen: '127.0.0.1:7227',
    rateLimit: '100/s',
    webhooks: { git: { secretFile: '/etc/s', event: 'backup.start', data: { sources: ['etc'] } } },
  },
})

type Mistake = [path: (string | number)[], value: unknown, key: string]

/** Mistakes of one value each, and the key that they are told of. Those of one line are never made together. */
const mistakes: Mistake[] = [
  [['sources', 'var', 'lv'], 'nonsense', 'sources.var.lv'],
  [['sources', 'var', 'target'], 'dist', 'sources.var.target'],
  [['sources', 'var', 'snapshot', 'max'], '500M', 'sources.var.snapshot.max'],
  [['sources', 'var', 'mount', 'attempts'], 0, 'sources.var.mount.attempts'],
  [['sources', 'var', 'max'], 3, 'sources.var.max'],
  [['sources', 'etc', 'path'], 'etc', 'sources.etc.path'],
  [['sources', 'etc', 'path'], '/srv/etc', 'sources.srv.path'],
  [['sources', 'etc', 'target'], 'mirorr', 'sources.etc.target'],
  [['sources', 'etc', 'exclude', 0], '! ', 'sources.etc.exclude[0]'],
  [['sources', 'etc', 'maxDelete'], 'many', 'sources.etc.maxDelete'],
  [['sources', 'etc', 'maxChange'], 'many', 'sources.etc.maxChange'],
  [['sources', 'srv', 'archive'], 'yess', 'sources.srv.archive'],
  [['sources', 'srv', 'target'], 7, 'sources.srv.target'],
  [['sources', 'Monday'], { path: '/usr', target: 'disk' }, 'sources.Monday'],
  [['targets', 'disk', 'path'], '/', 'targets.disk.path'],
  [['targets', 'disk', 'mounts', 0, 'device'], 'sdb', 'targets.disk.mounts[0].device'],
  [['targets', 'disk', 'mounts', 0, 'type'], 'ext 4', 'targets.disk.mounts[0].type'],
  [['targets', 'week', 'mounts', 1, 'at'], '/mnt/week', 'targets.week.mounts[1].at'],
  [['targets', 'week', 'parallel'], 17, 'targets.week.parallel'],
  [['archive', 'target'], 'weak', 'archive.target'],
  [['archive', 'level'], 77, 'archive.level'],
  [['notify', 0, 'exec', 0], 'true', 'notify[0].exec[0]'],
  [['notify', 1, 'name'], 'one', 'notify[1].name'],
  [['notify', 1, 'timeout'], '40s', 'notify[1].timeout'],
  [['notify', 1, 'webhook', 'url'], 'ftp', 'notify[1].webhook.url'],
  [['notify', 2, 'email', 'to'], 'a', 'notify[2].email.to'],
  [['notify', 2, 'email', 'smtp', 'passwordFile'], undefined, 'notify[2].email.smtp'],
  [['notify', 2, 'email', 'smtp', 'host'], 'a b', 'notify[2].email.smtp.host'],
  [['alert', 'after'], '91d', 'alert.after'],
  [['alert', 'before'], '1d', 'alert.before'],
  [['http', 'listen'], '0.0.0.0:7227', 'http.listen'],
  [['http', 'rateLimit'], 'fast', 'http.rateLimit'],
  [['http', 'webhooks', 'git', 'event'], 'backup.strat', 'http.webhooks.git.event'],
  [['http', 'webhooks', 'git', 'secretFile'], 's', 'http.webhooks.git.secretFile'],
]

function withMistakes(made: readonly Mistake[]): string {
  const config: unknown = good()
  for (const [path, value] of made) {
    const holder = path.slice(0, -1).reduce((part, step) => Reflect.get(part as object, step), config)
    Reflect.set(holder as object, path.at(-1) as PropertyKey, value)
  }
  return stringify(config)
}

/** The keys that are told of, in the order of the message. */
function told(text: string): { keys: string[]; lines: (number | undefined)[] } {
  try {
    parseConfig(text, 'hdsync.yaml')
    return { keys: [], lines: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { problems } = error
    return { keys: problems.map(({ key }) => key), lines: problems.map(({ line }) => line) }
  }
}

describe('parseConfig() tells of every mistake', () => {
  test('the config of these tests has none', () => expect(told(withMistakes([])).keys).toEqual([]))

  test.each(mistakes)('%j: %j by itself, once', (path, value, key) => {
    expect(told(withMistakes([[path, value, key]])).keys).toEqual([key])
  })

  test('and of any two, unless the first takes away what the second is about', () => {
    // A path that is none clashes with nothing.
    const takesAway = new Set(['/srv/etc | targets.disk.path', 'etc | sources.srv.path'])
    const missed = mistakes.flatMap((one, i) =>
      mistakes
        .slice(i + 1)
        .filter(([path]) => String(path) !== String(one[0]))
        .flatMap((other) => {
          const { keys } = told(withMistakes([one, other]))
          return [one[2], other[2]]
            .filter((key) => !keys.includes(key))
            .map((key) => `${JSON.stringify(one[1])} | ${key}`)
        }),
    )
    expect(missed.filter((one) => !takesAway.has(one))).toEqual([])
  })

  test('and of all at once, in the order of the lines', () => {
    const all = mistakes.filter(
      ([path, value]) => value !== '/srv/etc' && !(path.includes('webhooks') && value === 's'),
    )
    const { keys, lines } = told(withMistakes(all))
    expect(all.map(([, , key]) => key).filter((key) => !keys.includes(key))).toEqual([])
    expect(lines).toEqual([...lines].sort((one, other) => (one ?? 0) - (other ?? 0)))
  })

  test('an alias of nothing is told of beside what else is wrong', () => {
    const text = `sources:
  etc: { path: etc, target: mirorr, exclude: [*.tmp] }
targets: { mirror: { path: /mnt/mirror } }`
    expect(told(text).keys).toEqual(['sources.etc.path', 'sources.etc.target', 'sources.etc.exclude[0]'])
  })
})
