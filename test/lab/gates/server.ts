import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Night, Setting } from '../night.ts'

export const config = (gate = '') => `
sources:
  var: { lv: vg01/lv_var, target: hdd1, snapshot: { size: 24M, gate: { ${gate} } } }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
`

export const server: Setting = {
  server: { volumes: [{ name: 'lv_var', fs: 'ext4', size: '64M', at: '/srv/var' }] },
  group: 200,
  disks: [96],
  // The backup disk is mounted at a second place, where a test can look at it at any time.
  prepare: `
    mke2fs -q -t ext4 /dev/vdb
    mkdir -p /mnt/hdd1 /look /etc/hdsync/functions; mount /dev/vdb /look
    hdsync target adopt hdd1`,
  config: config(),
}

/** Counts in a file on the live volume; while /run/pause is there it stands still, and says so with /run/paused. */
export const writer = `exec perl -MIO::Handle -e '
  for (my $n = 0; ; $n++) {
    open my $file, ">", "/srv/var/counter"; print $file $n; close $file;
    if (-e "/run/pause") {
      open my $flag, ">", "/run/paused"; close $flag;
      while (-e "/run/pause") { select undef, undef, undef, 0.01 }
      unlink "/run/paused";
    }
    select undef, undef, undef, 0.01 }'`

/** Holds the pause as long as its standard input is open, and notes the count at which the writer stands still. */
const pause = `#!/bin/bash
touch /run/pause
trap 'rm -f /run/pause' EXIT
while [ ! -e /run/paused ]; do sleep 0.02; done
cp /srv/var/counter /run/count
echo paused
read -r
`

const gatekeeper = `
import { defineFunction, snapshotBefore } from 'hdsync'
export default defineFunction({
  on: snapshotBefore,
  emits: [],
  async run(_, { host, snapshotTaken }) {
    const writer = host.session({ argv: ['/usr/local/bin/pause'], timeoutMs: 60_000 })
    await writer.hear()
    await snapshotTaken()
    await writer.end().catch(() => {})
  },
})
`

/** Installs the function and the program that it calls. */
export async function install({ machine }: Night): Promise<void> {
  writeFileSync(join(machine.dir, 'pause'), pause)
  writeFileSync(join(machine.dir, 'pause-writer.ts'), gatekeeper)
  await machine.ok(`install -m 755 /run/lab/pause /usr/local/bin/pause
    install -m 644 /run/lab/pause-writer.ts /etc/hdsync/functions/pause-writer.ts`)
}

/** The count in the mirror. */
export function mirrored({ machine }: Night): Promise<string> {
  return machine.ok('cat /look/var/counter')
}
