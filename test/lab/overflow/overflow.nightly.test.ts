import { expect, it } from 'vitest'
import { fingerprint } from '../fingerprint.ts'
import { describeNight } from '../night.ts'
import { leftovers } from '../servers.ts'
import { busy, config, copying, eventsOf, overflow } from './server.ts'

/** Changes so many MiB of the live volume, all at once. */
const change = (mib: number) =>
  `dd if=/dev/urandom of=/srv/var/churn bs=1M count=${mib} conv=fsync status=none`

describeNight('a snapshot that fills up', busy, (night) => {
  it('that overflowed is replaced by a larger one, again and again', async () => {
    await overflow(night, 5)
    await night.configure(config('8M'))
    const { code, result } = await night.run()
    const [source] = result.sources
    expect(source).toMatchObject({ state: 'succeeded', error: null })
    expect(source?.mountTrials).toBeGreaterThan(2)
    expect(code).toBe(0)
    expect(await eventsOf(night, result.run)).toContain('mirror.suspect')
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
