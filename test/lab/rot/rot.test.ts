import { beforeAll, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { names, rotting, setting } from './server.ts'

describeNight('bits that rot on the disks of mirror and archive', setting, (night) => {
  beforeAll(async () => {
    expect((await night.run()).code).toBe(0)
  })

  it('are found in one turn: the mirror is put right, the archive is marked and written anew', async () => {
    const { rot, rotArchive, verify, same } = rotting(night)
    await rot('vdb', names(1, 2, 3))
    const archive = await rotArchive()
    expect(await verify()).toMatchObject({
      code: 3,
      result: { state: 'degraded', healed: 3, doubtful: 0, damaged: [archive] },
    })
    expect(await same()).toContain('same')
    expect((await night.hdsync('backups', 'var')).stdout).toContain('DAMAGED')
    expect((await night.run()).code).toBe(0)
    expect(await verify('--all')).toMatchObject({ code: 0, result: { state: 'succeeded', healed: 0 } })
  })
})
