import { beforeAll, expect, it } from 'vitest'
import { lab2002 } from '../lab2002.ts'
import { describeNight } from '../night.ts'
import { leftovers } from '../servers.ts'
import { busyServer, live, mirror, nothing, said } from './server.ts'

describeNight('snapshots that are refused as in 2002', busyServer, (night) => {
  beforeAll(async () => expect((await night.run()).code).toBe(0))

  it('are taken anew of ext3 too, and those of the night before do not count', async () => {
    const { machine } = night
    const present = await lab2002(machine, { first: 1, only: 'lv_home' })
    await machine.ok('echo new > /srv/home/new; rm /srv/home/1')
    const { code, result } = await night.run('run', 'home')
    await present()
    expect(result).toMatchObject({ state: 'succeeded', sources: [{ mountTrials: 2 }] })
    expect(code).toBe(0)
    expect(await machine.ok('hdsync show')).toMatch(said.home)
    expect(await mirror(night, 'home')).toBe(await live(night, 'home'))
    expect(await leftovers(machine)).toEqual(nothing)
  })

  it('fail the source after ten attempts, which is what one gets without asking', async () => {
    const { machine } = night
    const before = await mirror(night, 'home')
    await machine.ok('rm /srv/home/2')
    const present = await lab2002(machine)
    const { code, result } = await night.run('run', 'home')
    await present()
    expect(code).toBe(1)
    expect(result).toMatchObject({ state: 'failed', sources: [{ mountTrials: 10 }] })
    expect(result.sources[0]?.error).toContain('no snapshot could be mounted in 10 attempts: mount: ')
    expect(await mirror(night, 'home')).toBe(before)
    expect(await leftovers(machine)).toEqual(nothing)
  })
})
