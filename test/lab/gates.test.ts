import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { describeNight, type Night, type Setting } from './night.ts'
import { leftovers } from './servers.ts'

const config = (gate = '') => `
sources:
  var: { lv: vg01/lv_var, target: hdd1, snapshot: { size: 24M, gate: { ${gate} } } }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
`

const server: Setting = {
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
const writer = `exec perl -MIO::Handle -e '
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

describeNight('a function that pauses a writer while the snapshot is taken', server, (night) => {
  it('makes the mirror show that moment, and the writer goes on at once', async () => {
    const { machine } = night
    await install(night)
    await machine.start(writer)
    await machine.ok('while [ ! -e /srv/var/counter ]; do sleep 0.05; done')
    const { code, result } = await night.run()
    expect(result).toMatchObject({ state: 'succeeded' })
    expect(code).toBe(0)
    expect(await mirrored(night)).toBe(await machine.ok('cat /run/count'))
    expect(await machine.ok('test -e /run/pause && echo paused || echo writes')).toBe('writes')
    expect(await live(night)).toBeGreaterThan(Number(await machine.ok('cat /run/count')))
    expect(await machine.ok('hdsync show')).toMatch(
      /snapshot\.before[\s\S]*pause-writer[\s\S]*snapshot\.take/,
    )
  })

  it('and that is not ready in time costs the snapshot, and leaves the mirror as it was', async () => {
    const { machine } = night
    const before = await mirrored(night)
    await night.configure(config('timeout: 2s'))
    await machine.ok(`mv /usr/local/bin/pause /usr/local/bin/pause.real
      printf '#!/bin/sh\\nexec sleep 600\\n' > /usr/local/bin/pause; chmod 755 /usr/local/bin/pause`)
    const { code, result } = await night.run()
    await machine.ok('mv /usr/local/bin/pause.real /usr/local/bin/pause')
    await night.configure(config())
    expect(code).toBe(1)
    expect(result.sources[0]?.error).toBe(
      'snapshot.take: the snapshot was given up, as pause-writer was not ready within 2s',
    )
    expect(await mirrored(night)).toBe(before)
    expect(await leftovers(machine)).toEqual({ snapshots: [], mounts: [] })
    expect(await machine.ok('pgrep -f "sleep 600" || echo none')).toBe('none')
  })

  it('lets the writer go when hdsync is killed in the middle', async () => {
    const { machine } = night
    const lvcreate = await night.hold('lvcreate')
    const run = await machine.start('exec hdsync run')
    await lvcreate.reached()
    expect(await machine.ok('test -e /run/paused && echo paused')).toBe('paused')
    await run.kill('SIGKILL')
    await run.wait()
    await machine.ok('for i in {1..100}; do [ -e /run/pause ] || exit 0; sleep 0.05; done; exit 1')
    await lvcreate.go()
    const { code } = await night.run()
    expect(code).toBe(0)
    expect(await mirrored(night)).toBe(await machine.ok('cat /run/count'))
    expect(await leftovers(machine)).toEqual({ snapshots: [], mounts: [] })
  })
})

async function install({ machine }: Night): Promise<void> {
  writeFileSync(join(machine.dir, 'pause'), pause)
  writeFileSync(join(machine.dir, 'pause-writer.ts'), gatekeeper)
  await machine.ok(`install -m 755 /run/lab/pause /usr/local/bin/pause
    install -m 644 /run/lab/pause-writer.ts /etc/hdsync/functions/pause-writer.ts`)
}

function mirrored({ machine }: Night): Promise<string> {
  return machine.ok('cat /look/var/counter')
}

async function live({ machine }: Night): Promise<number> {
  return Number(await machine.ok('sleep 0.2; cat /srv/var/counter'))
}
