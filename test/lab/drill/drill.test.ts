import { beforeAll, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { expectRemoved, setting, untouched, volumes } from './server.ts'

describeNight('a drill on a volume of its own', setting, (night) => {
  beforeAll(async () => {
    expect((await night.run()).code).toBe(0)
  })

  it('is restored, compared and removed, and somebody else’s volume of that name is not touched', async () => {
    const { code, stdout, stderr } = await night.hdsync('drill var --whole --json')
    expect(code, stderr).toBe(0)
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({
      state: 'succeeded',
      sources: [{ state: 'proven', whole: true }],
    })
    expect(await volumes(night)).toBe(untouched)
    expect(await night.machine.ok('ls /mnt/drill; grep -c /mnt/drill /proc/mounts || true')).toBe('0')
    expect(await night.machine.ok('blkid -p -o value -s LABEL /dev/vg01/hdsync_drill')).toBe('somebodys')
    expect(await night.machine.ok(`hdsync show ${result.run} --commands`)).toMatch(
      /lvcreate .*--name hdsync_drill\.2 vg01/,
    )
  })

  it('is removed by the next start when hdsync is killed while it is filled, and nothing is mounted any more', async () => {
    // As after a power cut.
    await expectRemoved(night, { program: 'sync', after: 'umount /mnt/drill' })
  })
})
