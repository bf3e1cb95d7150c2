import { beforeAll, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { commandsOf, everything, mountDisks, unmountDisks } from './server.ts'

describeNight('after a whole night', everything, (night) => {
  beforeAll(async () => {
    expect((await night.run()).code).toBe(0)
  })

  it('backs up the sources that are named, and no others; what has not changed becomes a link', async () => {
    await night.machine.ok('date --set "+1 day"')
    const { result } = await night.run('run', 'plain', 'mail')
    expect(result.sources.map(({ source, state }) => [source, state])).toEqual([
      ['mail', 'succeeded'],
      ['plain', 'succeeded'],
    ])
    const commands = await commandsOf(night, result.run)
    expect(commands.filter((line) => line.startsWith('rsync'))).toEqual([
      expect.stringContaining('--max-delete='),
      expect.stringContaining('--max-delete='),
    ])
    expect(commands.filter((line) => line.startsWith('tar'))).toEqual([])
    expect(await night.machine.ok('hdsync show')).toMatch(
      /plain\.tar\.zst, .* unchanged since \w+day .*, linked/,
    )
    await night.machine.ok(mountDisks)
    try {
      expect(
        await night.machine.ok('cd /mnt/hdd9 && find *day/plain.tar.zst -links 2 | wc -l; find -name ".?*"'),
      ).toMatch(/^2\n(?!.*hdsync-part)/s)
    } finally {
      await night.machine.ok(unmountDisks)
    }
  })

  it('tells what lies in a directory and is in no backup, and what it hides', async () => {
    await night.machine.ok(`lvcreate -qq -y -L 8M -n lv_extra vg01; mke2fs -q -t ext4 /dev/vg01/lv_extra
      mount /dev/vg01/lv_extra /srv/plain/over; echo precious > /srv/plain/over/new`)
    const { code, result } = await night.run('run', 'plain')
    expect([code, result.state]).toEqual([3, 'degraded'])
    expect(result.sources[0]?.error).toMatch(/not in any backup.*\/srv\/plain\/over \(ext4 file system\)/)
    expect(result.sources[0]?.error).toContain('the mirror keeps old files of folders that a mount hides')
    expect(await night.machine.run('hdsync check')).toMatchObject({
      stdout: expect.stringContaining('/srv/plain/over (ext4 file system)'),
    })
  })
})
