import { describe, expect, test } from 'vitest'
import type { LvSource, Source, Target } from '../../../../../runtime/config/config.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import {
  proveApart,
  proveArchiveApart,
  proveStateApart,
  unlistedMounts,
} from '../../../../../runtime/host/mount/apart.ts'
import { parseMountinfo } from '../../../../../runtime/host/mount/mountinfo.ts'
import type { Sight } from '../../../../../runtime/host/mount/real-path.ts'

/** A machine with these mounts and links. */
function sightOf(mountinfo: string, links: Record<string, string> = {}, rest: Partial<Sight> = {}): Sight {
  const real = (path: string): string => {
    const link = Object.keys(links).find((from) => path === from || path.startsWith(`${from}/`))
    return link ? real(`${links[link]}${path.slice(link.length)}`) : path
  }
  return { mounts: parseMountinfo(mountinfo), real, devOf: () => undefined, backing: () => [], ...rest }
}

const sight = sightOf(`22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 254:3 / /home rw - ext4 /dev/mapper/vg01-home rw
31 22 254:3 /old /mnt/old rw - ext4 /dev/mapper/vg01-home rw
32 22 8:17 / /mnt/disk rw - ext4 /dev/sdb1 rw
`)

function prove(path: string, exclude = '[]'): void {
  const { sources, targets } = parseConfig(
    `sources: { home: { lv: vg01/home, target: disk, exclude: ${exclude} } }
targets: { disk: { path: ${path} } }
`,
    'hdsync.yaml',
  )
  proveApart(sources.home as LvSource, targets.disk as Target, { sight, volume: '254:3' })
}

describe('proveApart()', () => {
  test.each(['/mnt/disk', '/var/backup'])('takes a target on another volume: %s', (path) => prove(path))

  test('refuses one on the volume itself, and says how to leave it out', () => {
    expect(() => prove('/home/backup')).toThrow('disk (/home/backup) lies on vg01/home itself: not synced')
    expect(() => prove('/home/backup')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('exclude: [/backup/]') }),
    )
    expect(() => prove('/home/backup', '[backup, /backups/]')).toThrow('itself')
  })

  test('knows the volume at another mount point, where a part of it is shown', () => {
    expect(() => prove('/mnt/old/backup')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('exclude: [/old/backup/]') }),
    )
  })

  test('takes one that the source leaves out', () => {
    prove('/home/backup', '[/backup/]')
    prove('/mnt/old/backup', '[/old/]')
  })
})

describe('a folder and its target', () => {
  const disks = `28 1 8:1 / / rw - ext4 /dev/sda1 rw
30 28 8:17 / /data rw - ext4 /dev/sdb1 rw
31 28 8:17 /vault /by-bind rw - ext4 /dev/sdb1 rw
32 28 8:33 / /mnt/hdd1 rw - ext4 /dev/sdc1 rw
`
  interface Layout {
    source?: string
    target?: string
    exclude?: string[]
    mounts?: string[]
  }
  function pairOf({ source = '/data', target = '/mnt/hdd1', exclude = [], mounts = [] }: Layout) {
    const parsed = parseConfig(
      JSON.stringify({
        sources: { s: { path: source, target: 'disk', exclude } },
        targets: { disk: { path: target, mounts: mounts.map((at) => ({ device: '/dev/sdc1', at })) } },
      }),
      'hdsync.yaml',
    )
    return [parsed.sources.s as Source, parsed.targets.disk as Target] as const
  }
  const proving =
    (layout: Layout, mountinfo = disks, ...more: [links?: Record<string, string>, rest?: Partial<Sight>]) =>
    () =>
      proveApart(...pairOf(layout), { sight: sightOf(mountinfo, ...more) })

  test('on different disks are apart', proving({}))

  test('are not where a bind mount or a link leads into the source, unless that leaves it out', () => {
    const byBind = { target: '/by-bind' }
    expect(proving(byBind)).toThrow('target disk (/by-bind) lies in its source /data, as /vault')
    expect(proving(byBind)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('exclude: [/vault/]') }),
    )
    proving({ ...byBind, exclude: ['/vault/'] })()
    expect(proving({ ...byBind, exclude: ['/vault2/'] })).toThrow('lies in')
    const link = { '/by-link': '/data/vault2' }
    expect(proving({ target: '/by-link' }, disks, link)).toThrow(
      'target disk (/by-link, which is /data/vault2) lies in its source /data, as /vault2',
    )
  })

  test('are not where the source is shown within the target by a bind mount', () => {
    const shown = `${disks}33 28 8:33 /s/live /srv/live rw - ext4 /dev/sdc1 rw\n`
    expect(proving({ source: '/srv/live' }, shown)).toThrow(
      'target disk (/mnt/hdd1) holds its source s (/srv/live)',
    )
  })

  test('are not where a part of the target is mounted within the source, on its own disk', () => {
    const within = `28 1 8:1 / / rw - ext4 /dev/sda1 rw
30 28 8:1 /backup /srv/old rw - ext4 /dev/sda1 rw
`
    const layout = { source: '/srv', target: '/backup' }
    expect(proving(layout, within)).toThrow('lies in its source /srv, as /old')
    proving({ ...layout, exclude: ['/old/'] }, within)()
    // What rsync does not go into: another file system, and what is mounted in that.
    const run = `28 1 8:1 / / rw - ext4 /dev/sda1 rw
30 28 0:22 / /srv/run rw - tmpfs run rw
31 30 8:1 /backup /srv/run/old rw - ext4 /dev/sda1 rw
`
    proving(layout, run)()
    proving(layout, within.replace('30 28 8:1', '30 28 8:2'))()
  })

  test('are not where the source is mounted in the mirror: it would be deleted', () => {
    const within = `28 1 8:1 / / rw - ext4 /dev/sda1 rw
30 28 8:1 /srv /backup/s/sub rw - ext4 /dev/sda1 rw
`
    expect(proving({ source: '/srv', target: '/backup' }, within)).toThrow(
      'target disk (/backup): /backup/s/sub lies in its source /srv itself: not synced',
    )
  })

  test('are apart in two subvolumes of one btrfs, and not in one', () => {
    const btrfs = `28 1 0:28 /@ / rw - btrfs /dev/sda1 rw
30 28 0:28 / /top rw - btrfs /dev/sda1 rw
31 28 0:28 /@backup /backup rw - btrfs /dev/sda1 rw
`
    const devOf = (path: string) => (path.startsWith('/backup') ? 31 : 30)
    proving({ source: '/top', target: '/backup' }, btrfs, {}, { devOf })()
    expect(proving({ source: '/top', target: '/backup' }, btrfs, {}, { devOf: () => 30 })).toThrow(
      'as /@backup',
    )
  })

  test('are not where the disk of the target is a file in the source', () => {
    const loop = `${disks}33 28 7:0 / /mnt/image rw - ext4 /dev/loop0 rw\n`
    const backing = (device: string) => (device === '7:0' ? ['/data/disk.img'] : [])
    expect(proving({ target: '/mnt/image' }, loop, {}, { backing })).toThrow('as /disk.img')
    proving({ target: '/mnt/image', exclude: ['/disk.img'] }, loop, {}, { backing })()
  })

  test('hold for archives as well', () => {
    const [source, target] = pairOf({ target: '/by-bind' })
    expect(() => proveArchiveApart(source, target, { sight: sightOf(disks) })).toThrow('lies in its source')
  })

  test('ask for a mirror that is no link', () => {
    const link = { '/mnt/hdd1/s': '/mnt/big/s' }
    expect(proving({}, disks, link)).toThrow('the mirror /mnt/hdd1/s is a link to /mnt/big/s: not synced')
    // The whole target may be one: its marker proves it.
    proving({ target: '/backup' }, disks, { '/backup': '/mnt/hdd1' })()
  })

  test('ask for a mirror that does not hold the event store', () => {
    const pair = pairOf({})
    const sight = sightOf(disks, { '/var/lib/hdsync': '/mnt/hdd1/s/state' })
    expect(() => proveStateApart('/var/lib/hdsync', ...pair, sight)).toThrow('lies in the mirror /mnt/hdd1/s')
    proveStateApart('/mnt/hdd1/state', ...pair, sight)
  })

  test('ask for a mirror on the disks that were proven', () => {
    const more = `${disks}33 32 8:49 / /mnt/hdd1/s rw - ext4 /dev/sdd1 rw\n`
    const layout = { mounts: ['/mnt/hdd1'] }
    expect(proving(layout, more)).toThrow('/dev/sdd1 is mounted at /mnt/hdd1/s, where the mirror')
    expect(proving(layout, more)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('{ device: /dev/sdd1, at: /mnt/hdd1/s }') }),
    )
    proving({ mounts: ['/mnt/hdd1', '/mnt/hdd1/s'] }, more)()
    // Whoever mounts all the disks of a target may mount that one too; check tells.
    proving({}, more)()
    expect(unlistedMounts(pairOf({})[1], sightOf(more)).map(({ at }) => at)).toEqual(['/mnt/hdd1/s'])
    expect(unlistedMounts(pairOf({ mounts: ['/mnt/hdd1/s'] })[1], sightOf(more))).toEqual([])
    // Beside it.
    proving(layout, more.replaceAll('/mnt/hdd1/s ', '/mnt/hdd1/t '))()
  })
})
