import type { Night, Setting } from '../night.ts'

/**
 * Disks that fail in the middle of a night. The backup disk and the physical volume lie behind device-mapper
 * targets, so that errors can be switched on; the state has a small disk of its own.
 */
export const failing: Setting = {
  server: {
    disk: '/dev/mapper/pv',
    volumes: [
      { name: 'lv_var', fs: 'ext4', size: '48M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '48M', at: '/srv/home' },
    ],
  },
  group: 260,
  disks: [120, 120, 100, 24],
  before: `
    # The same disk must not be seen twice.
    sed -i 's,^devices {,devices { global_filter=["r|^/dev/vd|"],' /etc/lvm/lvmlocal.conf
    size() { blockdev --getsz $1; }
    dmsetup create pv --table "0 $(size /dev/vda) linear /dev/vda 0"
    dmsetup create backup --table "0 $(size /dev/vdb) linear /dev/vdb 0"
    dmsetup mknodes`,
  prepare: `
    mke2fs -q -t ext4 /dev/mapper/backup; mke2fs -q -t ext4 /dev/vdc; mke2fs -q -t ext4 /dev/vdd; mke2fs -q -t ext4 /dev/vde
    mkdir -p /mnt/hdd1 /mnt/hdd2 /mnt/hdd9 /srv/state; mount /dev/vde /srv/state
    for n in {1..30}; do head -c 200K /dev/urandom > /srv/var/$n; echo $n > /srv/home/$n; done; sync
    printf '#!/bin/sh\\ncat >> /run/told\\n' > /usr/local/bin/tell; chmod 755 /usr/local/bin/tell
    hdsync target adopt --all`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1 }
  home: { lv: vg01/lv_home, target: hdd2 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/mapper/backup, at: /mnt/hdd1 }] }
  hdd2: { path: /mnt/hdd2, mounts: [{ device: /dev/vdc, at: /mnt/hdd2 }] }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: /dev/vdd, at: /mnt/hdd9 }] }
archive: { target: hdd9 }
state: /srv/state/hdsync
notify: [{ exec: [/usr/local/bin/tell], on: [run.failed] }]
`,
}
export const nothing = { snapshots: [], mounts: [] }
const copyingVar = '*progress2*-var/*'

/** A night in which something happens while var is copied. */
export async function nightWith(night: Night, script: string) {
  const held = await night.hold('rsync', copyingVar)
  const running = night.run()
  await held.reached()
  await night.machine.ok(script)
  await held.go()
  return running
}
