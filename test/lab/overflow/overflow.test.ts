import { expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { leftovers } from '../servers.ts'
import { busy, config, copying, eventsOf, overflow } from './server.ts'

describeNight('a snapshot that fills up', busy, (night) => {
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
    expect(await eventsOf(night, result.run)).toMatch(
      /snapshot\.extended +snapshot extended from 24 MiB to 48 MiB/,
    )
  })

  it('that overflowed is replaced by a larger one', async () => {
    await overflow(night, 1, 48)
    // However slow the box is, it is not made large enough while it is read.
    await night.configure(config('8M', '16M'))
    const { code, result } = await night.run()
    const [source] = result.sources
    expect(source).toMatchObject({ state: 'succeeded', error: null })
    expect(source?.mountTrials).toBeGreaterThan(1)
    expect(code).toBe(0)
    expect(await eventsOf(night, result.run)).toContain('mirror.suspect')
    expect(await leftovers(night.machine)).toEqual({ snapshots: [], mounts: [] })
    await night.machine.ok('rm /usr/local/sbin/rsync; rm -f /srv/var/churn; sync')
  })
})
