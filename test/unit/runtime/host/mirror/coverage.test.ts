import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  findGaps,
  type Gaps,
  type Ground,
  gapsByMounts,
  gapsInWords,
  gapsRemedy,
  parseSubvolumes,
  some,
} from '../../../../../runtime/host/mirror/coverage.ts'
import { parseMountinfo } from '../../../../../runtime/host/mount/mountinfo.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

/** What a server with a root of its own has mounted, and more on top. */
const server = (more = '') =>
  parseMountinfo(`
20 1 8:1 / / rw - ext4 /dev/sda1 rw
21 20 0:5 / /dev rw - devtmpfs udev rw
22 20 0:21 / /proc rw - proc proc rw
23 20 0:22 / /sys rw - sysfs sysfs rw
24 20 0:23 / /run rw - tmpfs tmpfs rw
25 24 254:9 / /run/hdsync/x/snapshots/var rw - ext4 /dev/mapper/vg-s ro
26 20 8:2 / /boot rw - ext4 /dev/sda2 rw
27 20 8:17 / /mnt/hdd1 rw - ext4 /dev/sdb1 rw
28 20 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
29 20 8:33 / /media/ann/stick rw - vfat /dev/sdc1 rw
30 20 0:40 / /srv/nas rw - nfs4 nas:/x rw
31 20 0:41 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw
${more}`)

type Config = Ground['config']

/** Without the checks of a whole config, which refuse what is nested unless it is left out. */
function configOf(sources: string): Config {
  const read = parse(`{ ${sources} }`) as Record<string, { path?: string; lv?: string; exclude?: string[] }>
  const sourceOf = ([name, { path, lv, exclude = [] }]: [string, (typeof read)[string]]) => {
    const [vg, volume] = (lv ?? '').split('/')
    return [name, { name, exclude, ...(path ? { kind: 'path', path } : { kind: 'lv', vg, lv: volume }) }]
  }
  const hdd1 = { name: 'hdd1', path: '/mnt/hdd1/backup', mounts: [{ device: '/dev/sdb1', at: '/mnt/hdd1' }] }
  return {
    sources: Object.fromEntries(Object.entries(read).map(sourceOf)),
    targets: { hdd1: { ...hdd1, parallel: 1 } },
  }
}

function gaps(sources: string, more = '', holds: readonly string[] = []): Gaps {
  const config = configOf(sources)
  const [source] = Object.values(config.sources)
  if (source?.kind !== 'path') throw new Error('the first source is a directory')
  const mounts = server(more)
  const numbers = new Map(mounts.map(({ at, device }) => [at, Number(device.replace(':', ''))]))
  return gapsByMounts(source, {
    config,
    mounts,
    deviceOf: (path) => numbers.get(path) ?? 81,
    deviceOfVolume: (vg, lv) => (`${vg}/${lv}` === 'vg01/srv' ? 25499 : undefined),
    mirrorHolds: (path) => holds.includes(path),
  })
}
const uncovered = (...given: Parameters<typeof gaps>) => gaps(...given).uncovered.map(({ path }) => path)

const root = 'root: { path: /, target: hdd1 }'
const boot = 'boot: { path: /boot, target: hdd1 }'

describe('gapsByMounts()', () => {
  test('finds nothing on a server each of whose disks is a source or a target', () => {
    expect(gaps(`${root}, ${boot}`)).toEqual({ uncovered: [], shadowed: [] })
  })

  test('names a file system that lies in a source and in no other', () => {
    expect(gaps(root).uncovered).toEqual([{ path: '/boot', what: 'file system', type: 'ext4' }])
    expect(uncovered(`${root}, ${boot}`, '40 20 8:49 / /srv/data/photos rw - xfs /dev/sdd1 rw')).toEqual([
      '/srv/data/photos',
    ])
    expect(uncovered('data: { path: /srv/data, target: hdd1 }')).toEqual([])
  })

  test.each([
    ['a source of its own', 'a: { path: /srv, target: hdd1 }, b: { path: /srv/x, target: hdd1 }'],
    ['a part of it', 'a: { path: /srv, target: hdd1 }, b: { path: /srv/x/y, target: hdd1 }'],
    ['its volume', 'a: { path: /srv, target: hdd1 }, b: { lv: vg01/srv, target: hdd1 }'],
    ['another mount of it', 'a: { path: /srv, target: hdd1 }, b: { path: /data, target: hdd1 }'],
    ['a pattern', 'a: { path: /srv, target: hdd1, exclude: [/x/*] }'],
    ['a pattern without a place', 'a: { path: /srv, target: hdd1, exclude: [x] }'],
  ])('is content with %s', (_, sources) => {
    const more =
      '40 20 254:99 / /srv/x rw - ext4 /dev/mapper/vg01-srv rw\n41 20 254:99 / /data rw - ext4 /dev/x rw'
    expect(uncovered(sources, more)).toEqual([])
    expect(uncovered('a: { path: /srv, target: hdd1 }', more)).toEqual(['/srv/x'])
  })

  test('says nothing of a folder of the same file system that is mounted once more: rsync goes into it', () => {
    expect(uncovered(`${root}, ${boot}`, '40 20 8:1 /home /srv/home rw - ext4 /dev/sda1 rw')).toEqual([])
  })

  test('names the outer one of two that are mounted in each other', () => {
    const more = '40 20 8:49 / /srv/x rw - ext4 /dev/sdd1 rw\n41 40 8:50 / /srv/x/y rw - ext4 /dev/sdd2 rw'
    expect(uncovered(`${root}, ${boot}`, more)).toEqual(['/srv/x'])
  })

  test('names what is hidden where the mirror holds something of it, also below a share', () => {
    const memory = '40 20 0:77 / /srv/x rw - tmpfs tmpfs rw'
    expect(gaps(`${root}, ${boot}`, memory, ['/boot', '/srv/nas', '/srv/x', '/dev']).shadowed).toEqual([
      '/boot',
      '/srv/nas',
      '/srv/x',
    ])
    expect(gaps(`${root.replace('}', ', exclude: [/boot/*] }')}, ${boot}`, '', ['/boot']).shadowed).toEqual(
      [],
    )
  })

  test('takes no folder for hidden that is mounted where it lies, as in the sandbox of a service', () => {
    const sandbox = '41 20 8:1 /etc /etc ro - ext4 /dev/sda1 rw\n42 20 8:1 /usr /usr ro - ext4 /dev/sda1 rw'
    expect(gaps(`${root}, ${boot}`, sandbox, ['/etc', '/usr'])).toEqual({ uncovered: [], shadowed: [] })
  })
})

test('findGaps() of a directory that holds no other file system finds none, without a command on ext4', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'in'))
  writeFileSync(join(folder, 'in', 'file'), '')
  const config = configOf(`a: { path: ${folder}, target: hdd1 }`)
  const { runner } = recordingRunner()
  expect(await findGaps(runner, config.sources.a as never, config, { mirror: undefined })).toEqual({
    uncovered: [],
    shadowed: [],
  })
})

test('parseSubvolumes() reads what btrfs lists, whatever its version', () => {
  const text =
    'ID 257 gen 10 top level 5 path photos\nID 258 gen 11 top level 5 path a b/c path d\nID 259 gen 1 parent 5 top level 5 path <FS_TREE>/x\n'
  expect(parseSubvolumes(text)).toEqual(['/photos', '/a b/c path d', '/x'])
  expect(parseSubvolumes('')).toEqual([])
})

test('gapsInWords() names a few, and the remedy begins with the first', () => {
  const paths = ['/srv/a', '/srv/b', '/srv/c', '/srv/d', '/srv/e', '/srv/f', '/srv/g']
  const found: Gaps = {
    uncovered: paths.map((path) => ({ path, what: 'subvolume', type: 'btrfs' })),
    shadowed: ['/srv/x'],
  }
  const [missing, hidden] = gapsInWords(found)
  expect(missing).toContain('/srv/a (btrfs subvolume), ')
  expect(missing).toContain(', and 2 more')
  expect(hidden).toContain('/srv/x')
  const source = { path: '/srv' } as never
  expect(gapsRemedy(source, found)).toContain('exclude: [/a/*]')
  expect(gapsRemedy(source, { ...found, uncovered: [] })).toContain('exclude: [/x/*]')
  expect(some(['a', 'b'])).toBe('a, b')
})
