import { expect, test } from 'vitest'
import { mapDisks, needsBytes } from '../../../../../runtime/backup/rescue/map-disks.ts'
import { disksNeeded, planRescue } from '../../../../../runtime/backup/rescue/plan.ts'
import { sheetOf } from '../../../../../runtime/backup/rescue/sheet.ts'
import { stepText } from '../../../../../runtime/cli/view/step-text.ts'
import type { FreshDisk } from '../../../../../runtime/host/machine/fresh-disks.ts'
import { type MachineRecord, machineRecord } from '../../../../../runtime/host/machine/record.ts'
import type { RestorePoint } from '../../../../../runtime/host/points/restore-point.ts'
import { classicServer } from './classic-server.ts'

const gib = 1024 ** 3

function fresh(name: string, sizeBytes: number, more: Partial<FreshDisk> = {}): FreshDisk {
  return { path: `/dev/${name}`, sizeBytes, signatures: [], ...more }
}

function map(here: FreshDisk[], named: [string, string][] = [], record = classicServer) {
  const { mapped, problems } = mapDisks(disksNeeded(record), here, new Map(named), (old) =>
    needsBytes(old, record),
  )
  return { pairs: mapped.map(({ old, now }) => `${old.name}=${now.path.slice(5)}`), problems, mapped }
}

function planned(
  record: MachineRecord = classicServer,
  here = [fresh('vda', 30 * gib), fresh('vdb', 10 * gib)],
) {
  const points = new Map(
    record.sources.map(({ name }) => {
      const point: RestorePoint = {
        id: `${name}@latest`,
        source: name,
        kind: 'mirror',
        at: '2026-11-20T03:10:00.000Z',
        target: 'hdd1',
        path: `/mnt/b/${name}`,
      }
      return [name, { folder: '/mnt/b', point }] as const
    }),
  )
  return planRescue({ record, mapped: map(here, [], record).mapped, wipe: new Set(), points, udev: true })
}

test('a record reads back as it was written', () => {
  expect(machineRecord.parse(JSON.parse(JSON.stringify(classicServer)))).toEqual(classicServer)
})

test('the disks that come back are those of the machine, not that of the backup', () => {
  expect(disksNeeded(classicServer).map(({ name }) => name)).toEqual(['sda', 'sdb'])
})

test.each<[string, FreshDisk[], [string, string][], string[], RegExp[]]>([
  ['the same names', [fresh('sda', 20 * gib), fresh('sdb', 10 * gib)], [], ['sda=sda', 'sdb=sdb'], []],
  ['by size', [fresh('vda', 10 * gib), fresh('vdb', 30 * gib)], [], ['sda=vdb', 'sdb=vda'], []],
  [
    'the smallest that is enough',
    [fresh('vda', 90 * gib), fresh('vdb', 20 * gib), fresh('vdc', 10 * gib)],
    [],
    ['sda=vdb', 'sdb=vdc'],
    [],
  ],
  [
    'a smaller one where everything fits',
    [fresh('vda', 20 * gib), fresh('vdb', 19.1 * gib)],
    [],
    ['sda=vdb', 'sdb=vda'],
    [],
  ],
  [
    'as named',
    [fresh('vda', 30 * gib), fresh('vdb', 30 * gib)],
    [['sda', 'vdb']],
    ['sda=vdb', 'sdb=vda'],
    [],
  ],
  [
    'one that is missing',
    [fresh('vda', 20 * gib)],
    [],
    ['sda=vda'],
    [/no free disk of 10 GiB here for \/dev\/sdb: .*--map sdb=DISK/],
  ],
  [
    'one that is in use',
    [fresh('vda', 30 * gib), fresh('vdb', 30 * gib, { taken: 'it is read-only' })],
    [],
    ['sda=vda'],
    [/for \/dev\/sdb/],
  ],
  [
    'named, and in use',
    [fresh('vda', 30 * gib, { taken: '/dev/vda1 is mounted at /' }), fresh('vdb', 30 * gib)],
    [['sda', 'vda']],
    ['sda=vda', 'sdb=vdb'],
    [/vda cannot take the place of \/dev\/sda: \/dev\/vda1 is mounted/],
  ],
  [
    'named, and too small',
    [fresh('vda', 5 * gib), fresh('vdb', 30 * gib)],
    [['sda', 'vda']],
    ['sda=vda', 'sdb=vdb'],
    [/too small for \/dev\/sda, which needs 19/],
  ],
])('disks are mapped: %s', (_, here, named, pairs, problems) => {
  const found = map(here, named)
  expect(found.pairs).toEqual(pairs)
  expect(found.problems).toHaveLength(problems.length)
  for (const [n, problem] of problems.entries()) expect(found.problems[n]).toMatch(problem)
})

test('a disk that is not there or was not there is refused', () => {
  const here = [fresh('vda', 30 * gib)]
  expect(() => map(here, [['sdz', 'vda']])).toThrow('--map sdz=vda: the machine had no disk sdz')
  expect(() => map(here, [['sda', 'vdz']])).toThrow('--map sda=vdz: there is no disk vdz here')
})

test('from the disks up, each after what it lies on, and a source after the file system that it fills', () => {
  const { steps, notes } = planned()
  expect(steps.map(({ argv }) => argv.join(' '))).toEqual(
    [
      'sfdisk --wipe always --wipe-partitions always /dev/vda',
      'udevadm settle',
      'pvcreate --yes --force --force --uuid pv-a --norestorefile /dev/vda3',
      'pvcreate --yes --force --force --uuid pv-b --norestorefile /dev/vdb',
      'vgcreate --yes --physicalextentsize 4194304b vg01 /dev/vda3 /dev/vdb',
      'lvcreate --yes --size 8589934592b --name root vg01',
      'lvcreate --yes --size 12884901888b --name var vg01',
      'mkfs.ext4 -q -F -U 33333333-3333-4333-8333-333333333333 /dev/mapper/vg01-root',
      'mkfs.ext3 -q -F -U 11111111-1111-4111-8111-111111111111 -L boot /dev/vda1',
      'mkfs.reiserfs -q -ff -u 44444444-4444-4444-8444-444444444444 -l mail /dev/mapper/vg01-var',
      'mkswap -U 22222222-2222-4222-8222-222222222222 /dev/vda2',
      'mkdir --parents /mnt/rescue',
      'mount -t ext4 /dev/mapper/vg01-root /mnt/rescue',
      'hdsync --disk /mnt/b restore root --at root@latest --to /mnt/rescue --yes',
      'mkdir --parents /mnt/rescue/var',
      'mount -t reiserfs -o user_xattr,acl /dev/mapper/vg01-var /mnt/rescue/var',
      'hdsync --disk /mnt/b restore var --at var@latest --to /mnt/rescue/var --yes',
      'mkdir --parents /mnt/rescue/boot',
      'mount -t ext3 /dev/vda1 /mnt/rescue/boot',
      'hdsync --disk /mnt/b restore boot --at boot@latest --to /mnt/rescue/boot --yes',
      'mkdir --parents --mode=555 /mnt/rescue/proc',
      'mkdir --parents --mode=555 /mnt/rescue/sys',
      'mkdir --parents --mode=755 /mnt/rescue/dev',
      'mkdir --parents --mode=755 /mnt/rescue/run',
      'mkdir --parents --mode=1777 /mnt/rescue/tmp',
      'sed -i -e s#/dev/sda1\\b#@0@#g -e s#@0@#/dev/vda1#g /mnt/rescue/etc/fstab',
      'rm --force /mnt/rescue/etc/lvm/devices/system.devices',
      'mount --rbind --make-rslave /proc /mnt/rescue/proc',
      'mount --rbind --make-rslave /sys /mnt/rescue/sys',
      'mount --rbind --make-rslave /dev /mnt/rescue/dev',
      'mount --rbind --make-rslave /run /mnt/rescue/run',
      'chroot /mnt/rescue update-initramfs -u -k all',
      'chroot /mnt/rescue grub-install --target=i386-pc /dev/vda',
      'chroot /mnt/rescue grub-install --target=i386-pc /dev/vdb',
      'chroot /mnt/rescue grub-mkconfig -o /boot/grub/grub.cfg',
    ].filter((line) => !line.includes('grub-install --target=i386-pc /dev/vdb')),
  )
  expect(new Set(steps.map(({ id }) => id)).size).toBe(steps.length)
  expect(notes.at(-1)).toContain('hdsync target adopt --all --take-over')
})

test('the table of a disk goes to one of another name and size', () => {
  const [table] = planned(classicServer, [fresh('nvme0n1', 30 * gib), fresh('vdb', 10 * gib)]).steps
  expect(table?.input).toContain('/dev/nvme0n1p3 : start=     6293504')
  expect(table?.input).toContain('label-id: 9A4C1B4E')
  expect(table?.input).not.toMatch(/last-lba|device:|sda/)
  expect(table && stepText(table)).toMatch(
    /^# the partitions of \/dev\/sda, on \/dev\/nvme0n1\nsfdisk .*<<'END'\nlabel: gpt/,
  )
})

test('ids of steps are the same each time, so that one that was cut off goes on', () => {
  expect(planned().steps.map(({ id }) => id)).toEqual(planned().steps.map(({ id }) => id))
})

test('mount points are made again in a live system that was booted anew, before what is mounted on them', () => {
  const again = planned().steps.flatMap((step) => (step.again ? [step.again.argv] : []))
  const at = (words: string) => again.findIndex((argv) => argv.join(' ') === words)
  for (const path of ['/mnt/rescue', '/mnt/rescue/var', '/mnt/rescue/boot']) {
    expect(at(`mkdir --parents ${path}`)).toBeGreaterThanOrEqual(0)
    const mount = again.findIndex((argv) => argv[0] === 'mount' && argv.at(-1) === path)
    expect(mount).toBe(at(`mkdir --parents ${path}`) + 1)
  }
})

test('what lies on RAID, LUKS and in a thin pool', () => {
  const device = (name: string, type: string, parents: string[], content?: string) => ({
    name,
    path: type === 'crypt' ? '/dev/mapper/safe' : type === 'lvm' ? `/dev/mapper/${name}` : `/dev/${name}`,
    type,
    sizeBytes: gib,
    parents,
    removable: false,
    ...(content && { content: { type: content, uuid: `uuid-${name}` } }),
  })
  const record: MachineRecord = {
    ...classicServer,
    devices: [
      device('sda', 'disk', [], 'linux_raid_member'),
      device('sdb', 'disk', [], 'linux_raid_member'),
      device('md0', 'raid1', ['sda', 'sdb'], 'crypto_LUKS'),
      device('dm-0', 'crypt', ['md0'], 'LVM2_member'),
      device('vg01-pool_tdata', 'lvm', ['dm-0']),
      device('vg01-pool-tpool', 'lvm', ['vg01-pool_tdata']),
      device('vg01-data', 'lvm', ['vg01-pool-tpool'], 'xfs'),
    ],
    partitionTables: [],
    raids: [{ path: '/dev/md0', level: 'raid1', uuid: 'r', metadata: '1.2', name: 'old:0', devices: 2 }],
    encrypted: [
      { device: '/dev/md0', version: '2', uuid: 'l', cipher: 'aes-xts-plain64', keyBits: 512, name: 'safe' },
    ],
    physicalVolumes: [{ device: '/dev/mapper/safe', uuid: 'p', group: 'vg01' }],
    volumes: [
      { group: 'vg01', name: 'data', sizeBytes: 512 * 1024 ** 2, type: 'thin', stripes: 1, pool: 'pool' },
      {
        group: 'vg01',
        name: 'pool',
        sizeBytes: 900 * 1024 ** 2,
        type: 'thin-pool',
        stripes: 1,
        chunkBytes: 65536,
      },
    ],
    fileSystems: [{ at: '/srv', device: '/dev/mapper/vg01-data', type: 'xfs', options: [], root: '/' }],
    sources: [{ name: 'srv', place: '/srv', target: 'hdd1', archived: false }],
  }
  const { steps, notes } = planned(record, [fresh('vda', 2 * gib), fresh('vdb', 2 * gib)])
  expect(steps.slice(0, 8).map(({ argv }) => argv.join(' '))).toEqual([
    'mdadm --create /dev/md0 --run --level=raid1 --raid-devices=2 --metadata=1.2 --uuid=r --homehost=any --name=0 /dev/vda /dev/vdb',
    'cryptsetup luksFormat --batch-mode --verify-passphrase --type luks2 --uuid l --cipher aes-xts-plain64 --key-size 512 /dev/md0',
    'cryptsetup open /dev/md0 safe',
    'pvcreate --yes --force --force --uuid p --norestorefile /dev/mapper/safe',
    'vgcreate --yes --physicalextentsize 4194304b vg01 /dev/mapper/safe',
    'lvcreate --yes --type thin-pool --chunksize 65536b --size 943718400b --name pool vg01',
    'lvcreate --yes --type thin --thinpool pool --virtualsize 536870912b --name data vg01',
    'mkfs.xfs -q -f -m uuid=uuid-vg01-data /dev/mapper/vg01-data',
  ])
  expect(steps[1]?.asks).toBe(true)
  expect(notes[0]).toContain('the system itself (/) is no source')
})

test('a group is made once all its physical volumes are, those without a volume too, and a missing one is told of', () => {
  const device = (name: string, type: string, parents: string[], path = `/dev/${name}`) => {
    return { name, path, type, sizeBytes: 10 * gib, parents, removable: false }
  }
  const record: MachineRecord = {
    ...classicServer,
    devices: [
      { ...device('dm-0', 'lvm', ['sda'], '/dev/mapper/vg01-var'), content: { type: 'ext4' } },
      ...['sda', 'sdb', 'sdc', 'sdd'].map((name) => device(name, 'disk', [])),
      device('md0', 'raid1', ['sdb', 'sdc']),
    ],
    partitionTables: [],
    raids: [{ path: '/dev/md0', level: 'raid1', uuid: 'r', metadata: '1.2', devices: 2 }],
    physicalVolumes: ['/dev/sda', '/dev/md0', '/dev/sdd', '[unknown]'].map((path, n) => {
      return { device: path, uuid: `pv-${n}`, group: 'vg01' }
    }),
    volumes: [{ group: 'vg01', name: 'var', sizeBytes: gib, type: 'linear', stripes: 1 }],
    fileSystems: [{ at: '/var', device: '/dev/mapper/vg01-var', type: 'ext4', options: [], root: '/' }],
    sources: [],
  }
  expect(disksNeeded(record).map(({ name }) => name)).toEqual(['sda', 'sdb', 'sdc', 'sdd'])
  const here = ['vda', 'vdb', 'vdc', 'vdd'].map((name) => fresh(name, 10 * gib))
  const { steps, notes } = planned(record, here)
  expect(steps.map(({ argv }) => [argv[0], argv.at(-1)].join(' ')).slice(0, 5)).toEqual([
    'mdadm /dev/vdc',
    'pvcreate /dev/vda',
    'pvcreate /dev/md0',
    'pvcreate /dev/vdd',
    'vgcreate /dev/vdd',
  ])
  expect(notes[0]).toContain('volume group vg01 lacked a physical volume (pv-3)')
})

test('a source without a backup, and what was not backed up, are told of', () => {
  const record = { ...classicServer, uncovered: [{ at: '/boot', type: 'ext3', only: [] }] }
  const { notes, steps } = planRescue({ record, mapped: [], wipe: new Set(), points: new Map(), udev: false })
  expect(notes).toContain('/boot was not backed up: its file system is empty')
  expect(notes).toContain(
    'source var (/var) has no backup in the folders that were named: nothing is restored',
  )
  expect(steps.some(({ argv }) => argv[0] === 'hdsync')).toBe(false)
})

test('the sheet for the safe', () => {
  const text = sheetOf({ ...classicServer, mounts: classicServer.fileSystems })
  expect(text).toContain(
    '    /dev/sda1  part  1 GiB  ext3  "boot"  11111111-1111-4111-8111-111111111111  at /boot',
  )
  expect(text).toContain('  var: volume vg01/var at /var; mirror on target hdd1, and archives')
  expect(text).toContain('nothing: every file system of the machine is in a source')
})
