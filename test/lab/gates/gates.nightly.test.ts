import { beforeAll, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { leftovers } from '../servers.ts'
import { config, install, mirrored, server, writer } from './server.ts'

describeNight('a function that pauses a writer while the snapshot is taken', server, (night) => {
  beforeAll(async () => {
    await install(night)
    await night.machine.start(writer)
    await night.machine.ok('while [ ! -e /srv/var/counter ]; do sleep 0.05; done')
    expect((await night.run()).code).toBe(0)
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
