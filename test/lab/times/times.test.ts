import { beforeAll, expect, it } from 'vitest'
import { isNightly } from '../../unit/nightly.ts'
import { describeNight } from '../night.ts'
import { looking, overwrite, setting } from './server.ts'

describeNight('a file whose time lies', setting, (night) => {
  const { backUp, same } = looking(night)
  beforeAll(async () => {
    await backUp()
    expect(await same('data')).toBe(true)
  })

  it('as the power failed, is found by its contents, and only in the next night', async () => {
    const time = 'stat -c "%Y %s" /srv/var/data'
    // On a slow machine the file system may have written the new time before the power is cut.
    for (let lies = false; !lies; ) {
      // So that the old time of the file is on the disk.
      await night.machine.ok('sync; sleep 1.1')
      const before = await night.machine.ok(time)
      expect(await night.machine.ok(`${overwrite(4)}; ${time}`)).not.toBe(before)
      await night.reboot()
      lies = (await night.machine.ok(time)) === before
    }
    expect(await same('data')).toBe(false)

    const copies = await backUp()
    expect(copies.filter((line) => line.includes('--checksum'))).toHaveLength(1)
    expect(await night.machine.ok('hdsync show')).toContain('was not shut down in order')
    expect(await same('data')).toBe(true)
    if (isNightly) expect((await backUp()).join()).not.toContain('--checksum')
  })
})
