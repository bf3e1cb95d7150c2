import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { disksOf, disksOfMount } from '../../../../../runtime/cli/checks/disks.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

// /sys as it is with sda1 and sdb1 in a RAID, which carries a logical volume; sdc has no partitions.
let sys: string
beforeEach(() => {
  sys = temporaryFolder()
  const device = (path: string, number: string, { partition = false, on = [] as string[] } = {}) => {
    const folder = join(sys, 'devices', path)
    mkdirSync(join(folder, 'slaves'), { recursive: true })
    if (partition) writeFileSync(join(folder, 'partition'), '1\n')
    for (const lower of on)
      symlinkSync(join(sys, 'devices', lower), join(folder, 'slaves', lower.split('/').at(-1) ?? ''))
    symlinkSync(folder, join(sys, 'dev/block', number))
    symlinkSync(folder, join(sys, 'class/block', path.split('/').at(-1) ?? ''))
  }
  mkdirSync(join(sys, 'dev/block'), { recursive: true })
  mkdirSync(join(sys, 'class/block'), { recursive: true })
  device('pci/sda', '8:0')
  device('pci/sda/sda1', '8:1', { partition: true })
  device('pci/sdb', '8:16')
  device('pci/sdb/sdb1', '8:17', { partition: true })
  device('pci/sdc', '8:32')
  device('virtual/md0', '9:0', { on: ['pci/sda/sda1', 'pci/sdb/sdb1'] })
  device('virtual/dm-0', '254:0', { on: ['virtual/md0'] })
})

describe('disksOf()', () => {
  test.each([
    ['8:32', ['sdc']],
    ['8:1', ['sda']],
    ['254:0', ['sda', 'sdb']],
    ['0:45', []],
    ['/nowhere', []],
  ])('of %s are %j', (device, disks) => {
    expect([...disksOf(device, sys)]).toEqual(disks)
  })
})

test('disksOfMount() takes the device that was mounted where the number says nothing', () => {
  const mount = { id: 1, parent: 0, root: '/', at: '/mnt', options: [], type: 'btrfs', superOptions: [] }
  expect(disksOfMount({ ...mount, device: '8:1', source: '/dev/sda1' }, sys)).toEqual(new Set(['sda']))
  expect(disksOfMount({ ...mount, device: '0:45', source: 'server:/export' }, sys)).toEqual(new Set())
})
