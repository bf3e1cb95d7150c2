import { expect, it } from 'vitest'
import { describeNight, type Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { install, mirrored, server } from './server.ts'

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

async function live({ machine }: Night): Promise<number> {
  return Number(await machine.ok('sleep 0.2; cat /srv/var/counter'))
}
