import type { Night, Setting } from '../night.ts'

/** A volume that is rewritten while it is copied, in a group with little room and in one with enough. */
export const busy: Setting = {
  server: { volumes: [{ name: 'lv_var', fs: 'ext4', size: '160M', at: '/srv/var' }] },
  group: 560,
  disks: [260],
  prepare: `
    mke2fs -q -t ext4 /dev/vdb; mkdir -p /mnt/hdd1 /srv/plain
    for n in {1..20}; do head -c 1M /dev/urandom > /srv/var/$n; done; echo hi > /srv/plain/file
    hdsync target adopt hdd1`,
  config: config('24M'),
}

export function config(size: string, max = '100%'): string {
  return `
sources:
  var: { lv: vg01/lv_var, target: hdd1, snapshot: { size: ${size}, max: ${max} }, mount: { attempts: 6, backoff: 10ms..20ms } }
  plain: { path: /srv/plain, target: hdd1 }
targets: { hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] } }
`
}

/** A copy by rsync, among its other calls. */
export const copying = '*progress2*'

/** The lines of `hdsync show`. */
export async function eventsOf(night: Night, run: string): Promise<string> {
  const lines = (await night.machine.ok(`hdsync show ${run}`)).split('\n')
  return lines.map((line) => line.trim()).join('\n')
}

/** Before each of the next copies more is changed than the snapshot holds: so many MiB, twice as many, and so on. */
export async function overflow(night: Night, times: number, mib = 12): Promise<void> {
  await night.machine.ok(`
    printf '#!/bin/bash\\n%s\\n%s\\n' 'case "$*" in *progress2*) n=$(cat /run/churn); if ((n < ${times})); then echo $((n + 1)) > /run/churn
      dd if=/dev/urandom of=/srv/var/churn bs=1M count=$((${mib} << n)) conv=fsync status=none 2>/dev/null; sleep 3; fi ;; esac' \
      'exec /usr/bin/rsync "$@"' > /usr/local/sbin/rsync
    chmod 755 /usr/local/sbin/rsync; echo 0 > /run/churn`)
}
