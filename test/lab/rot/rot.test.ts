import { beforeAll, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { rotting, setting } from './server.ts'

const names = (...numbers: number[]) => numbers.map((n) => `/var/many/${n}`)
const all = Array.from({ length: 100 }, (_, n) => n + 1)

describeNight('bits that rot on a disk', setting, (night) => {
  const look = () => rotting({ machine: night.machine, hdsync: (...words) => night.hdsync(...words) })
  const same = () =>
    look().onDisk('vdb', 'diff -r --brief --exclude=lost+found /srv/var /mnt/hdd1/var && echo same')
  beforeAll(async () => {
    expect((await night.run()).code).toBe(0)
  })

  it('are found within one turn in each of a hundred files of a mirror, and none is left', async () => {
    const { rot, verify } = look()
    await rot('vdb', names(...all))
    const found = await verify()
    expect(found).toMatchObject({
      code: 3,
      result: { state: 'degraded', healed: 100, doubtful: 0, damaged: [] },
    })
    expect(await same()).toContain('same')
    expect(await verify()).toMatchObject({ code: 0, result: { state: 'succeeded', healed: 0 } })
  })

  it('are named where the source tells nothing any more, and nothing is changed', async () => {
    const { rot, verify, onDisk } = look()
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
