import { beforeAll, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { expectRemoved, setting, untouched, volumes } from './server.ts'

describeNight('a drill on a volume of its own', setting, (night) => {
  beforeAll(async () => {
    expect((await night.run()).code).toBe(0)
  })

  it.each([
    ['before it has a file system', { program: 'mke2fs', pattern: '*hdsync_drill*' }],
    ['while it is filled', { program: 'sync' }],
  ])('is removed by the next start when hdsync is killed %s', async (_when, killed) => {
    await expectRemoved(night, killed)
  })

  it('is refused where the volume group has no room, and nothing is left', async () => {
    await night.configure(setting.config.replace('64M', '2G'))
    const { code, stdout } = await night.hdsync('drill var --json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout).error).toMatch(/no room for a volume in vg01/)
    expect(await volumes(night)).toBe(untouched)
  })
})
