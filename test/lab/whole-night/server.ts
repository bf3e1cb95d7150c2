import { onlyLooks } from '../../../runtime/host/command/read-only-commands.ts'
import type { Night, Setting } from '../night.ts'
import { oddFiles } from '../servers.ts'

/** Every kind of source there is: four file systems, thick and thin, and a plain directory. */
export const everything: Setting = {
  server: {
    pool: '120M',
    volumes: [
      { name: 'lv_var', fs: 'reiserfs', size: '64M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '48M', at: '/srv/home' },
      { name: 'lv_data', fs: 'xfs', size: '320M', at: '/srv/data' },
      { name: 'lv_mail', fs: 'ext4', size: '64M', at: '/srv/mail', thin: true },
    ],
  },
  group: 900,
  disks: [200, 96, 96, 200],
  prepare: `
    mke2fs -q -t ext2 /dev/vdb; mke2fs -q -t ext3 /dev/vdc; mke2fs -q -t ext3 /dev/vdd; mke2fs -q -t ext4 /dev/vde
    mkdir -p /mnt/hdd1 /mnt/hdd9 /srv/plain
    mount /dev/vdb /mnt/hdd1; mkdir /mnt/hdd1/var /mnt/hdd1/home; umount /mnt/hdd1
    for at in /srv/{var,home,data,mail,plain}; do
      (${oddFiles('$at/odd')})
    done
    # This kernel's reiserfs does not write down what setfacl does to the mode; chmod does.
    chmod 664 /srv/var/odd/mail/cur/2
    mkdir /srv/plain/over; echo old > /srv/plain/over/old
    mkdir /srv/var/cache /srv/var/lib; echo no > /srv/var/cache/x; echo yes > /srv/var/lib/x
    hdsync target adopt --all`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1, exclude: [/cache/] }
  home: { lv: vg01/lv_home, target: hdd1, snapshot: { size: 24M } }
  data: { lv: vg01/lv_data, target: hdd1, snapshot: { size: 10% } }
  mail: { lv: vg01/lv_mail, target: hdd1, archive: false }
  plain: { path: /srv/plain, target: hdd1 }
targets:
  hdd1:
    path: /mnt/hdd1
    mounts:
      - { device: /dev/vdb, at: /mnt/hdd1, type: ext2 }
      - { device: /dev/vdc, at: /mnt/hdd1/var, type: ext3 }
      - { device: /dev/vdd, at: /mnt/hdd1/home, type: ext3 }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: /dev/vde, at: /mnt/hdd9 }] }
archive: { target: hdd9 }
`,
}
export const sources = ['var', 'home', 'data', 'mail', 'plain']
export const mountDisks = `mount /dev/vdb /mnt/hdd1; mount /dev/vdc /mnt/hdd1/var; mount /dev/vdd /mnt/hdd1/home; mount /dev/vde /mnt/hdd9`
export const unmountDisks = 'umount /mnt/hdd1/var /mnt/hdd1/home /mnt/hdd1 /mnt/hdd9'

/** The commands of a run, as the journal has them; what only looks is not part of a plan. */
export async function commandsOf({ machine }: Night, run: string): Promise<string[]> {
  const lines = await machine.ok(`
    node -e '
      const { DatabaseSync } = require("node:sqlite")
      const rows = new DatabaseSync("/var/lib/hdsync/hdsync.db").prepare(\`
        SELECT argv FROM command JOIN delivery ON delivery.id = delivery_id
        JOIN event ON seq = event_seq WHERE run_id = ?\`).all("${run}")
      for (const { argv } of rows) console.log(argv)'`)
  return lines
    .split('\n')
    .map((line): string[] => JSON.parse(line))
    .filter((argv) => !onlyLooks(argv))
    .map((argv) => argv.join(' '))
}
