import type { MachineRecord } from '../../../../../runtime/host/machine/record.ts'

const gib = 1024 ** 3

/** A server of two disks: a partitioned one that starts, with LVM on both, and a backup disk that is none of them. */
export const classicServer: MachineRecord = {
  version: 1,
  host: 'classic',
  system: 'Debian GNU/Linux 12 (bookworm)',
  recordedAt: '2026-11-20T03:15:00.000Z',
  kernel: {
    release: '6.1.0-41-amd64',
    commandLine: 'root=/dev/mapper/vg01-root',
    initramfs: 'update-initramfs',
  },
  firmware: 'bios',
  bootLoader: { name: 'grub', platforms: ['i386-pc'], folder: '/boot/grub' },
  devices: [
    disk('sda', 20 * gib, { partitionTable: 'gpt', model: 'SAMSUNG MZ7' }),
    part('sda1', 'sda', gib, { type: 'ext3', uuid: '11111111-1111-4111-8111-111111111111', label: 'boot' }),
    part('sda2', 'sda', 2 * gib, { type: 'swap', uuid: '22222222-2222-4222-8222-222222222222' }),
    part('sda3', 'sda', 16 * gib, { type: 'LVM2_member', uuid: 'pv-a' }),
    disk('sdb', 10 * gib, { content: { type: 'LVM2_member', uuid: 'pv-b' } }),
    volume('vg01-root', ['sda3'], 8 * gib, { type: 'ext4', uuid: '33333333-3333-4333-8333-333333333333' }),
    volume('vg01-var', ['sda3', 'sdb'], 12 * gib, {
      type: 'reiserfs',
      uuid: '44444444-4444-4444-8444-444444444444',
      label: 'mail',
    }),
    disk('sdc', 100 * gib, { partitionTable: 'dos' }),
    part('sdc1', 'sdc', 99 * gib, { type: 'ext4', uuid: '55555555-5555-4555-8555-555555555555' }),
  ],
  partitionTables: [
    {
      disk: '/dev/sda',
      dump: [
        'label: gpt',
        'label-id: 9A4C1B4E-0B1C-4D2E-8F00-000000000001',
        'device: /dev/sda',
        'unit: sectors',
        'first-lba: 34',
        'last-lba: 41943006',
        'sector-size: 512',
        '',
        '/dev/sda1 : start=        2048, size=     2097152, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=AAAA',
        '/dev/sda2 : start=     2099200, size=     4194304, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F, uuid=BBBB',
        '/dev/sda3 : start=     6293504, size=    33554432, type=E6D6D379-F507-44C2-A23C-238F2A3DF928, uuid=CCCC',
        '',
      ].join('\n'),
    },
  ],
  raids: [],
  encrypted: [],
  groups: [{ name: 'vg01', uuid: 'vg-uuid', extentBytes: 4 * 1024 ** 2 }],
  physicalVolumes: [
    { device: '/dev/sda3', uuid: 'pv-a', group: 'vg01' },
    { device: '/dev/sdb', uuid: 'pv-b', group: 'vg01' },
  ],
  volumes: [
    { group: 'vg01', name: 'root', sizeBytes: 8 * gib, type: 'linear', stripes: 1 },
    { group: 'vg01', name: 'var', sizeBytes: 12 * gib, type: 'linear', stripes: 1 },
  ],
  mounts: [],
  fileSystems: [
    mount('/', 'mapper/vg01-root', 'ext4'),
    mount('/boot', 'sda1', 'ext3'),
    mount('/var', 'mapper/vg01-var', 'reiserfs'),
  ],
  files: { '/etc/fstab': '/dev/mapper/vg01-root / ext4\n/dev/sda1 /boot ext3\nUUID=2222 none swap\n' },
  sources: [
    { name: 'root', place: '/', volume: 'vg01/root', target: 'hdd1', archived: true },
    { name: 'boot', place: '/boot', target: 'hdd1', archived: true },
    { name: 'var', place: '/var', volume: 'vg01/var', target: 'hdd1', archived: true },
  ],
  uncovered: [],
  unknown: [],
}

type Device = MachineRecord['devices'][number]

function disk(name: string, sizeBytes: number, more: Partial<Device> = {}): Device {
  return { name, path: `/dev/${name}`, type: 'disk', sizeBytes, parents: [], removable: false, ...more }
}

function part(name: string, parent: string, sizeBytes: number, content: Device['content']): Device {
  return { ...disk(name, sizeBytes), type: 'part', parents: [parent], ...(content && { content }) }
}

function volume(name: string, parents: string[], sizeBytes: number, content: Device['content']): Device {
  return {
    ...disk(name, sizeBytes),
    path: `/dev/mapper/${name}`,
    type: 'lvm',
    parents,
    ...(content && { content }),
  }
}

function mount(at: string, device: string, type: string): MachineRecord['mounts'][number] {
  return { at, device: `/dev/${device}`, type, options: ['rw'], root: '/' }
}
