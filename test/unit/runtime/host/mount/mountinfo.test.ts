import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  mountOf,
  parseMountinfo,
  readMounts,
  topMountAt,
} from '../../../../../runtime/host/mount/mountinfo.ts'

// Recorded, but for the last but one: a bind mount with what mount(8) allows in a name.
const recorded = String.raw`22 28 0:20 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/mapper/vg01-root rw,errors=remount-ro
97 28 254:3 / /run/hdsync/Ab-c_123/snapshots/k3m9pqrstv-var ro,nosuid,nodev,noexec,relatime shared:51 master:2 propagate_from:3 unbindable - reiserfs /dev/mapper/vg01-hdsync_var ro
98 28 8:17 / /mnt/hdd1 rw,relatime - ext4 /dev/sdb1 rw
99 98 8:17 /a\040dir /mnt/with\040space\011tab\012line\134back\134040 rw - ext4 /dev/disk/by-label/My\040Disk rw
100 28 0:45 / /mnt/hdd1 rw,relatime shared:60 - tmpfs none rw,size=1024k
`

describe('parseMountinfo()', () => {
  const mounts = parseMountinfo(recorded)

  test('reads each line, with as many optional fields as there are', () => {
    expect(mounts).toHaveLength(6)
    expect(mounts[2]).toEqual({
      id: 97,
      parent: 28,
      device: '254:3',
      root: '/',
      at: '/run/hdsync/Ab-c_123/snapshots/k3m9pqrstv-var',
      options: ['ro', 'nosuid', 'nodev', 'noexec', 'relatime'],
      type: 'reiserfs',
      source: '/dev/mapper/vg01-hdsync_var',
      superOptions: ['ro'],
    })
    expect(mounts[3]).toMatchObject({ type: 'ext4', source: '/dev/sdb1' })
  })

  test('undoes the octal numbers, once', () => {
    expect(mounts[4]).toMatchObject({
      root: '/a dir',
      at: '/mnt/with space\ttab\nline\\back\\040',
      source: '/dev/disk/by-label/My Disk',
    })
  })

  test('passes over what is no line of the kernel', () => {
    expect(
      parseMountinfo('\n\nnonsense\n1 2 3:4 / /x rw - ext4\n22 28 0:20 / /proc rw proc proc rw\n'),
    ).toEqual([])
  })

  test('never throws', () => {
    const piece = fc.constantFrom(' ', '-', '\\', '\\040', '\\777', '\n', '/', '0:1', 'rw', '', 'ä', '\0')
    const text = fc.array(fc.oneof(piece, fc.string())).map((pieces) => pieces.join(''))
    fc.assert(fc.property(text, (input) => Array.isArray(parseMountinfo(input))))
  })

  test('reads back any path that the kernel writes', () => {
    const escaped = (path: string) =>
      path.replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`)
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        const at = `/${name}`
        const [mount] = parseMountinfo(`1 2 8:1 / ${escaped(at)} rw - ext4 /dev/sda1 rw\n`)
        expect(mount?.at).toBe(at)
      }),
    )
  })
})

test('readMounts() sees this machine', () => {
  expect(topMountAt(readMounts(), '/proc')).toMatchObject({ type: 'proc', root: '/' })
})

describe('topMountAt()', () => {
  const mounts = parseMountinfo(recorded)

  test('finds the mount that covers the others at exactly this path', () => {
    expect(topMountAt(mounts, '/mnt/hdd1')?.type).toBe('tmpfs')
    expect(topMountAt(mounts, '/mnt')).toBeUndefined()
    expect(topMountAt(mounts, '/mnt/hdd1/')).toBeUndefined()
  })
})

describe('mountOf()', () => {
  const mounts = parseMountinfo(recorded)

  test.each([
    ['/', '/'],
    ['/etc/hdsync', '/'],
    ['/mnt/hdd1/var', '/mnt/hdd1'],
    ['/mnt/hdd10', '/'],
    ['/process', '/'],
  ])('finds what %s lies on at %s', (path, at) => expect(mountOf(mounts, path)?.at).toBe(at))

  test('finds the one on top', () => expect(mountOf(mounts, '/mnt/hdd1')?.type).toBe('tmpfs'))

  test('sees what hides a mount that was there before, and what is mounted in there', () => {
    const hidden = parseMountinfo(`1 1 0:2 / / rw - rootfs rootfs rw
28 1 254:0 / / rw - ext4 /dev/mapper/vg01-root rw
40 28 8:17 / /mnt/hdd1/var rw - ext4 /dev/sdb1 rw
41 28 8:33 / /mnt rw - ext4 /dev/sdc1 rw
42 41 8:49 / /mnt/hdd2 rw - ext4 /dev/sdd1 rw
43 42 8:65 / /mnt/hdd2 rw - ext4 /dev/sde1 rw
`)
    expect(mountOf(hidden, '/etc')?.id).toBe(28)
    expect(mountOf(hidden, '/mnt/hdd1/var/lib')?.id).toBe(41)
    expect(topMountAt(hidden, '/mnt/hdd1/var')).toBeUndefined()
    expect(mountOf(hidden, '/mnt/hdd2/var')?.id).toBe(43)
  })

  test('looks past what waits to be mounted by an automounter', () => {
    const waiting = `28 1 254:0 / / rw - ext4 /dev/mapper/vg01-root rw
50 28 0:40 / /mnt/hdd1 rw - autofs systemd-1 rw,fd=40,direct
`
    expect(topMountAt(parseMountinfo(waiting), '/mnt/hdd1')).toBeUndefined()
    expect(mountOf(parseMountinfo(waiting), '/mnt/hdd1/var')?.at).toBe('/')
    const there = `${waiting}51 50 8:17 / /mnt/hdd1 rw - ext4 /dev/sdb1 rw
`
    expect(topMountAt(parseMountinfo(there), '/mnt/hdd1')?.device).toBe('8:17')
  })

  test('finds nothing where nothing is mounted', () => expect(mountOf([], '/')).toBeUndefined())
})
