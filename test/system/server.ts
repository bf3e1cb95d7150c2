import { join } from 'node:path'
import { boot, makeDisk, scratchFolder } from '../lab/machine.ts'
import { type FileSystem, mountOptions } from '../lab/servers.ts'
import { rootImage } from './root.ts'
import { SystemdMachine } from './systemd.ts'

const mib = 2 ** 20

/** Sizes of the disks in MiB: the volume group's, the backup's, and the archive's. */
const disks = { group: 400, backup: 1500 }

interface Volume {
  name: string
  fs: FileSystem
  size: string
  at: string
}

const volumes: Volume[] = [
  { name: 'lv_var', fs: 'reiserfs', size: '64M', at: '/srv/var' },
  { name: 'lv_home', fs: 'ext3', size: '48M', at: '/srv/home' },
]

const changing = [
  ...['/var/lib/dpkg', '/var/lib/apt', '/var/cache/apt', '/var/cache/debconf', '/var/cache/ldconfig'],
  ...['/var/log', '/tmp/*', '/var/tmp/*', '/etc/lvm/archive/*', '/etc/lvm/backup/*'],
  ...['/var/lib/systemd/*', '/root/hdsync.deb', '/etc/ld.so.cache', '/etc/systemd/system/hdsync*.d'],
]

/**
 * A small Debian server with systemd and udev: two live volumes, a second disk that is mounted at /mnt/backup.
 * All of it is in /etc/fstab, so that it comes back by itself after a boot.
 */
export class SystemServer extends SystemdMachine {
  #disks: string[] = []
  readonly #dir = scratchFolder()

  /** Boots it for the first time, and makes its volumes. */
  async build(): Promise<void> {
    this.#disks = await Promise.all(
      Object.entries(disks).map(([name, size]) => makeDisk(this.#dir, name, size * mib)),
    )
    await this.boot()
    await this.ok(prepare)
  }

  /** Boots, on the disks and the root file system as they were left. The app of the checkout is not there. */
  async boot(): Promise<void> {
    const root = { image: await rootImage(), disk: join(this.#dir, 'root') }
    this.machine = await boot({ root, disks: this.#disks, app: false })
  }

  /** Puts settings of the service over those that are shipped, as `systemctl edit` does. */
  async configure(unit: string, settings: string, section = 'Service'): Promise<void> {
    const folder = `/etc/systemd/system/${unit}.d`
    await this.ok(
      `mkdir -p ${folder}; printf '%s\\n' '[${section}]' '${settings.replaceAll('\n', "' '")}' > ${folder}/override.conf; systemctl daemon-reload`,
    )
  }

  /** Settings by which the service leaves after three idle seconds, where what is shipped waits for a minute. */
  async shorterIdleTime(): Promise<string> {
    const shipped = await this.ok("sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/hdsync.service")
    return `ExecStart=\nExecStart=${shipped.replace('when-idle 60s', 'when-idle 3s')}`
  }

  /** Every file of the system, but for those that any night and any package change: logs, mirrors, apt's own books. */
  async files(): Promise<string[]> {
    const pruned = changing.map((path) => `-path '${path}'`).join(' -o ')
    return (
      await this.ok(`find / /run/hdsync* -xdev \\( ${pruned} \\) -prune -o -print 2>/dev/null | sort -u`)
    ).split('\n')
  }
}

const prepare = [
  'vgcreate -q vg01 /dev/vda >/dev/null',
  'mke2fs -q -t ext4 /dev/vdb',
  ...volumes.flatMap(({ name, fs, size, at }) => [
    `lvcreate -q -y -Wy -L ${size} -n ${name} vg01 >/dev/null`,
    `mkfs.${fs} -q ${fs === 'reiserfs' ? '-ff' : '-F'} /dev/vg01/${name} >/dev/null 2>&1`,
    `mkdir -p ${at}`,
    `echo '/dev/vg01/${name} ${at} ${fs} ${mountOptions[fs] ?? 'defaults'} 0 2' >> /etc/fstab`,
  ]),
  'mkdir -p /mnt/backup',
  'echo "UUID=$(blkid -o value -s UUID /dev/vdb) /mnt/backup ext4 defaults 0 2" >> /etc/fstab',
  'systemctl daemon-reload',
  'udevadm settle',
  'mount -a',
].join('\n')
