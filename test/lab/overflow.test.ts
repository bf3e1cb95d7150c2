import { expect, it } from 'vitest'
import { fingerprint } from './fingerprint.ts'
import { describeNight, type Setting } from './night.ts'
import { leftovers } from './servers.ts'

/** A volume that is rewritten while it is copied, in a group with little room and in one with enough. */
const busy: Setting = {
  server: { volumes: [{ name: 'lv_var', fs: 'ext4', size: '160M', at: '/srv/var' }] },
  group: 560,
  disks: [260],
  prepare: `
    mke2fs -q -t ext4 /dev/vdb; mkdir -p /mnt/hdd1 /srv/plain
    for n in {1..20}; do head -c 1M /dev/urandom > /srv/var/$n; done; echo hi > /srv/plain/file
    hdsync target adopt hdd1`,
  config: config('24M'),
}

function config(size: string, max = '100%'): string {
  return `
sources:
  var: { lv: vg01/lv_var, target: hdd1, snapshot: { size: ${size}, max: ${max} }, mount: { attempts: 6, backoff: 10ms..20ms } }
  plain: { path: /srv/plain, target: hdd1 }
targets: { hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] } }
`
}

/** Changes so many MiB of the live volume, all at once. */
const change = (mib: number) =>
  `dd if=/dev/urandom of=/srv/var/churn bs=1M count=${mib} conv=fsync status=none`
const copying = '*progress2*'

describeNight('a snapshot that fills up', busy, (night) => {
  const eventsOf = async (run: string) =>
    (await night.machine.ok(`hdsync show ${run}`)).split('\n').map((line) => line.trim())

  it('is made larger while it is read, and the copy goes on', async () => {
    const held = await night.hold('rsync', copying)
    const running = night.run()
    await held.reached()
    // Slowly enough for the watcher, which looks twice a second.
    await night.machine.ok(`
      for n in {1..60}; do
        head -c 1M /dev/urandom > /srv/var/new$n; sync
        size=$(lvs --noheadings --units m --nosuffix -o lv_size vg01/hdsync_var)
        (( $(printf %.0f "$size") > 24 )) && exit 0
      done; exit 1`)
    await held.go()
    const { code, result } = await running
    expect(result.sources[0]).toMatchObject({ state: 'succeeded', mountTrials: 1, error: null })
    expect(code).toBe(0)
    expect((await eventsOf(result.run)).join('\n')).toMatch(
      /snapshot\.extended +snapshot extended from 24 MiB to 48 MiB/,
    )
  })

  it('that overflowed is replaced by a larger one, again and again', async () => {
    // Before each copy more is changed than the snapshot holds: 8, 16, 32 MiB and so on.
    await night.machine.ok(`
      printf '#!/bin/bash\\n%s\\n%s\\n' 'case "$*" in *progress2*) n=$(cat /run/churn); if ((n < 5)); then echo $((n + 1)) > /run/churn
        dd if=/dev/urandom of=/srv/var/churn bs=1M count=$((12 << n)) conv=fsync status=none 2>/dev/null; sleep 3; fi ;; esac' \
        'exec /usr/bin/rsync "$@"' > /usr/local/sbin/rsync
      chmod 755 /usr/local/sbin/rsync; echo 0 > /run/churn`)
    await night.configure(config('8M'))
    const { code, result } = await night.run()
    const [source] = result.sources
    expect(source).toMatchObject({ state: 'succeeded', error: null })
    expect(source?.mountTrials).toBeGreaterThan(2)
    expect(code).toBe(0)
    expect((await eventsOf(result.run)).join('\n')).toContain('mirror.suspect')
    expect(await leftovers(night.machine)).toEqual({ snapshots: [], mounts: [] })
    await night.machine.ok('rm /usr/local/sbin/rsync; rm -f /srv/var/churn; sync')
  })

  it('ends as a failure with the reason where there is no room, and the others go on', async () => {
    // Room for the first snapshot, of two extents, and not for a larger one.
    await night.machine.ok(`
      free=$(vgs --noheadings -o vg_free_count vg01)
      lvcreate -q -y -n filler -l $((free - 2)) vg01 >/dev/null`)
    await night.configure(config('8M'))
    const held = await night.hold('rsync', copying)
    const running = night.run()
    await held.reached()
    await night.machine.ok(change(100))
    await held.go()
    const { code, result, stderr } = await running
    expect(code).toBe(1)
    const [source, plain] = result.sources
    expect(source).toMatchObject({ source: 'var', state: 'failed' })
    expect(source?.error).toMatch(/too little room for a snapshot: .* wanted, .* free in the volume group/)
    expect(stderr).toContain('overflowed')
    expect(plain).toMatchObject({ source: 'plain', state: 'succeeded' })
    expect(await leftovers(night.machine)).toEqual({ snapshots: [], mounts: [] })
    await night.machine.ok('lvremove -q -f vg01/filler; rm /srv/var/churn; sync')
  })

  it('taught `auto` how much room the volume needs', async () => {
    await night.configure(config('auto'))
    const { code, result } = await night.run()
    expect(code).toBe(0)
    const created = (await night.machine.ok(`hdsync show ${result.run}`)).match(
      /lvcreate --snapshot --size (\d+)b/,
    )
    // Twice the largest that has overflowed, as far as a copy of the whole volume goes.
    expect(Number(created?.[1])).toBeGreaterThan(64 * 2 ** 20)
    await night.machine.ok('mount -r /dev/vdb /mnt/hdd1')
    expect(await fingerprint(night.machine, '/mnt/hdd1/var')).toBe(
      await fingerprint(night.machine, '/srv/var'),
    )
    await night.machine.ok('umount /mnt/hdd1')
  })
})
