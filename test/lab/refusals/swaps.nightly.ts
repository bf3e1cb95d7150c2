import { expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { config, volume } from './server.ts'
import { mine, swap } from './swaps.ts'

/** A user swaps a folder for a link while its snapshot is copied. */
export function swapsOtherwise(night: Night): void {
  it('a snapshot, in which nobody can', async () => {
    const { machine } = night
    await night.configure(config(volume('var')))
    await machine.ok(mine('/srv/var'))
    const rsync = await night.hold('rsync', '*--max-delete=*')
    const running = night.run()
    await rsync.reached()
    const moved = await machine.run('cd /run/hdsync/*/snapshots/*-var && mv mine other')
    await machine.ok(swap('/srv/var'))
    await rsync.go()
    expect(moved).toMatchObject({ code: 1, stderr: expect.stringContaining('Read-only file system') })
    expect((await running).code).toBe(0)
    expect(await machine.ok('cat /look/hdd1/var/mine/file')).toBe('mine')
    await machine.ok('rm -r /srv/var/mine*')
  })
}
