import { expect } from 'vitest'
import type { Night, Setting } from '../night.ts'

const boot = `
  mkdir -p /srv/state /mnt/hdd1
  mount /dev/vdc /srv/state`

/** Reiserfs, which keeps whole seconds, and the time of a file in memory for as much as half a minute. */
export const setting: Setting = {
  server: { volumes: [{ name: 'lv_var', fs: 'reiserfs', size: '48M', at: '/srv/var' }] },
  group: 120,
  disks: [64, 32],
  prepare: `
    for disk in b c; do mke2fs -q -t ext4 /dev/vd$disk; done
    ${boot}
    head -c 40000 /dev/urandom > /srv/var/data; echo other > /srv/var/other
    hdsync target adopt hdd1`,
  boot,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
state: /srv/state/hdsync
`,
}

/** Writes so many blocks of a file. */
export const overwrite = (count: number) =>
  `dd if=/dev/urandom of=/srv/var/data bs=10000 count=${count} conv=notrunc,fdatasync status=none`

/** What the tests look with: a night, and whether a file is the same on both sides. */
export function looking(night: Night): {
  backUp: () => Promise<string[]>
  same: (file: string) => Promise<boolean>
} {
  /** Runs a night, and returns its copies by rsync. */
  const backUp = async (): Promise<string[]> => {
    const { code, stderr } = await night.run()
    expect(code, stderr).toBe(0)
    return (await night.machine.ok('hdsync show --commands'))
      .split('\n')
      .filter((line) => line.includes('$ rsync'))
  }
  const look = (script: string) =>
    night.machine.ok(`mount -o ro /dev/vdb /mnt/hdd1; ${script}; umount /mnt/hdd1`)
  const sums = (file: string) => look(`cat /srv/var/${file} | md5sum; cat /mnt/hdd1/var/${file} | md5sum`)
  const same = async (file: string) => {
    const [live, mirror] = (await sums(file)).split('\n')
    return live === mirror
  }
  return { backUp, same }
}
