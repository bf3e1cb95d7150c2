import { expect, it } from 'vitest'
import { describeNight, type Night } from '../night.ts'
import { install, mirrored, server, writer } from './server.ts'

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
})

async function live({ machine }: Night): Promise<number> {
  return Number(await machine.ok('sleep 0.2; cat /srv/var/counter'))
}
