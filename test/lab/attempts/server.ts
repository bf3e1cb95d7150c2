import { fingerprint } from '../fingerprint.ts'
import type { Night, Setting } from '../night.ts'
import { oddFiles } from '../servers.ts'

/** Two volumes and a directory; ten attempts are what one gets without asking. */
export function config(varAttempts = 10): string {
  return `
sources:
  var: { lv: vg01/lv_var, target: hdd1, mount: { attempts: ${varAttempts}, backoff: 10ms..20ms } }
  home: { lv: vg01/lv_home, target: hdd1, mount: { backoff: 10ms..20ms } }
  plain: { path: /srv/plain, target: hdd1 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
`
}

export const busyServer: Setting = {
  server: {
    volumes: [
      { name: 'lv_var', fs: 'reiserfs', size: '40M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '32M', at: '/srv/home' },
    ],
  },
  group: 200,
  disks: [96],
  // The backup disk is mounted at a second place, where a test can look at it at any time.
  prepare: `
    mke2fs -q -t ext4 /dev/vdb
    mkdir -p /mnt/hdd1 /srv/plain /look; mount /dev/vdb /look
    (${oddFiles('/srv/var/odd')})
    echo odd > $'/srv/var/latin1-caf\\xe9'
    # This kernel's reiserfs does not write down what setfacl does to the mode; chmod does.
    chmod 664 /srv/var/odd/mail/cur/2
    for name in {1..9}; do echo home > /srv/home/$name; echo plain > /srv/plain/$name; done
    hdsync target adopt hdd1`,
  config: config(),
}

export const nothing = { snapshots: [], mounts: [] }
export const said = {
  var: /clm-2076 journal_read_transaction: device is readonly, unable to replay log/,
  home: /recovery required on readonly filesystem/,
}

/** All but what is being written. reiserfs counts whole seconds. */
const settled = { wholeSeconds: true, without: ['./busy'] }

export function live({ machine }: Night, source: string): Promise<string> {
  return fingerprint(machine, `/srv/${source}`, settled)
}

export function mirror({ machine }: Night, source: string): Promise<string> {
  return fingerprint(machine, `/look/${source}`, settled)
}
