import { beforeAll, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { names, rotting, setting } from './server.ts'

const all = Array.from({ length: 100 }, (_, n) => n + 1)

describeNight('bits that rot on one disk', setting, (night) => {
  beforeAll(async () => {
    expect((await night.run()).code).toBe(0)
  })

  it('are found within one turn in each of a hundred files of a mirror, and none is left', async () => {
    const { rot, verify, same } = rotting(night)
    await rot('vdb', names(...all))
    const found = await verify()
    expect(found).toMatchObject({
      code: 3,
      result: { state: 'degraded', healed: 100, doubtful: 0, damaged: [] },
    })
    expect(await same()).toContain('same')
    expect(await verify()).toMatchObject({ code: 0, result: { state: 'succeeded', healed: 0 } })
  })

  it('of an archive are told of, and the next night writes it anew', async () => {
    const { rotArchive, verify } = rotting(night)
    const archive = await rotArchive()
    expect(await verify()).toMatchObject({
      code: 3,
      result: { healed: 0, doubtful: 0, damaged: [archive] },
    })
    expect((await night.hdsync('backups', 'var')).stdout).toContain('DAMAGED')
    expect((await night.run()).code).toBe(0)
    expect(await verify()).toMatchObject({ code: 0, result: { state: 'succeeded' } })
  })

  it('are named where the source tells nothing any more, and nothing is changed', async () => {
    const { rot, verify, same, onDisk } = rotting(night)
    await night.machine.ok('rm /srv/var/many/7; touch /srv/var/many/8')
    await rot('vdb', names(7, 8, 9))
    const before = await onDisk('vdb', 'md5sum /mnt/hdd1/var/many/[78]')
    const found = await verify()
    expect(found).toMatchObject({ code: 3, result: { healed: 1, doubtful: 2, damaged: [] } })
    expect(await onDisk('vdb', 'md5sum /mnt/hdd1/var/many/[78]')).toBe(before)
    const doubt = (await night.hdsync('events', '--type', 'mirror.doubtful', '--json')).stdout
    for (const path of ['many/7', 'many/8']) expect(doubt).toContain(`"${path}"`)
    // What the source has by now is copied, and archived.
    expect((await night.run()).code).toBe(0)
    expect(await same()).toContain('same')
    expect(await verify()).toMatchObject({ code: 0 })
  })
})
