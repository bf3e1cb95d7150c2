import { describe, expect, test } from 'vitest'
import type { LvSource, Target } from '../../../../runtime/config/config.ts'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { proveApart } from '../../../../runtime/host/apart.ts'
import { parseMountinfo } from '../../../../runtime/host/mountinfo.ts'

const mounts = parseMountinfo(`22 1 8:1 / / rw - ext4 /dev/sda1 rw
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
  proveApart(sources.home as LvSource, '254:3', targets.disk as Target, mounts)
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
