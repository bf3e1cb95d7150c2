import { beforeAll, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { looking, overwrite, setting } from './server.ts'

describeNight('a file whose time lies', setting, (night) => {
  const { backUp, same } = looking(night)
  beforeAll(async () => {
    await backUp()
    expect(await same('data')).toBe(true)
  })

  it('as it was written again in the second in which it was copied, is found in the next night', async () => {
    await night.machine.ok('echo more >> /srv/var/other')
    await backUp()
    const events = (await night.machine.ok('hdsync events --run last --type source.synced --json')).split(
      '\n',
    )
    const { from } = JSON.parse(events.at(-1) ?? '').data.read
    // What a program might have done then: both have the time of the copy, one has been written once more.
    await night.machine.ok(`${overwrite(2)}; touch -d ${from} /srv/var/data; sync
      mount /dev/vdb /mnt/hdd1; touch -d "$(stat -c @%Y /srv/var/data)" /mnt/hdd1/var/data; umount /mnt/hdd1`)
    expect(await same('data')).toBe(false)
    const copies = await backUp()
    expect(copies.filter((line) => line.includes('--files-from'))).toHaveLength(1)
    expect(await same('data')).toBe(true)
    expect((await backUp()).join()).not.toContain('--checksum')
  })

  it('as it was set back after a change on either side, is found in the next night', async () => {
    await night.machine.ok('sleep 3')
    await backUp()
    // An old archive that is replaced by one of the same age, and a mirror that somebody has been at.
    await night.machine.ok(`cp -p /srv/var/data /srv/var/new; printf X | dd of=/srv/var/new conv=notrunc status=none
      touch -r /srv/var/data /srv/var/new; mv /srv/var/new /srv/var/data; sync
      mount /dev/vdb /mnt/hdd1; at=/mnt/hdd1/var/other; cp -p $at /run/other
      printf X | dd of=$at conv=notrunc status=none; touch -r /run/other $at; umount /mnt/hdd1`)
    expect([await same('data'), await same('other')]).toEqual([false, false])
    expect((await backUp()).filter((line) => line.includes('--files-from'))).toHaveLength(1)
    expect([await same('data'), await same('other')]).toEqual([true, true])
    await night.machine.ok('sleep 3')
    await backUp()
    expect((await backUp()).join()).not.toContain('--files-from')
  })

  it('as its disk has lost what was in it, is found within a week', async () => {
    // Behind the back of the kernel that mounts it.
    const [block] = (await night.machine.ok(`debugfs -R 'blocks /var/data' /dev/vdb 2>/dev/null`)).split(' ')
    const size = await night.machine.ok(`dumpe2fs -h /dev/vdb 2>/dev/null | sed -n 's/^Block size: *//p'`)
    await night.machine.ok(`dd if=/dev/zero of=/dev/vdb bs=${size} seek=${block} count=1 conv=notrunc,fsync status=none
      echo 3 > /proc/sys/vm/drop_caches`)
    expect(await same('data')).toBe(false)
    await backUp()
    expect(await same('data')).toBe(false)
    await night.machine.ok('date --set "+8 days"')
    await backUp()
    expect(await night.machine.ok('hdsync show')).toContain('this is done for some files each week')
    expect(await same('data')).toBe(true)
    await backUp()
  })

  it('is none where nothing has changed since: then no copy is made, unless reiserfs keeps access lists', async () => {
    await night.machine.ok('mount -o remount,noacl,nouser_xattr /srv/var')
    expect(await backUp()).toEqual([])
    expect(await night.machine.ok('hdsync show --commands')).toMatch(/lvcreate.*not copied: .*lvremove/s)
    expect(await same('data')).toBe(true)
    await night.machine.ok('mount -o remount,acl /srv/var')
    expect(await backUp()).toHaveLength(1)
  })
})
