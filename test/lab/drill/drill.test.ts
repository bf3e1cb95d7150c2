import { beforeAll, expect, it } from 'vitest'
import { describeNight, type Night, type Setting } from '../night.ts'
import { oddFiles } from '../servers.ts'

/** A live volume, a disk for its mirror, and room in the volume group; somebody has a volume of the name that drills take. */
const setting: Setting = {
  server: { volumes: [{ name: 'lv_var', fs: 'ext4', size: '40M', at: '/srv/var' }] },
  group: 160,
  disks: [64],
  prepare: `
    mke2fs -q -t ext4 /dev/vdb; mkdir -p /mnt/hdd1; hdsync target adopt --all
    lvcreate -q -y -L 8M -n hdsync_drill --addtag hdsync vg01 >/dev/null; mke2fs -q -t ext4 -L somebodys /dev/vg01/hdsync_drill
    (${oddFiles('/srv/var/odd')})`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
drill: { scratch: /mnt/drill, volume: { vg: vg01, size: 64M } }
`,
}

const untouched = 'hdsync_drill lv_var'

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

  it.each([
    ['before it has a file system', 'mke2fs', '*hdsync_drill*', ''],
    ['while it is filled', 'sync', '*', ''],
    // As after a power cut: nothing is mounted any more.
    ['while it is filled, with its mount', 'sync', '*', 'umount /mnt/drill'],
  ])('is removed by the next start when hdsync is killed %s', async (_when, program, pattern, after) => {
    const held = await night.hold(program, pattern)
    const drill = await night.machine.start('hdsync drill var --whole & echo $! >/run/drill.pid; wait $!')
    await held.reached()
    expect(await volumes(night)).toContain('hdsync_drill.2')
    await night.machine.ok(`kill -9 $(cat /run/drill.pid); pkill -9 -f hold- || true`)
    await drill.wait()
    await held.go()
    if (after) await night.machine.ok(after)
    const { code } = await night.run()
    expect(code).toBe(0)
    expect(await volumes(night)).toBe(untouched)
    expect(await night.machine.ok('grep -c /mnt/drill /proc/mounts || true')).toBe('0')
  })

  it('is refused where the volume group has no room, and nothing is left', async () => {
    await night.configure(setting.config.replace('64M', '2G'))
    const { code, stdout } = await night.hdsync('drill var --json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout).error).toMatch(/no room for a volume in vg01/)
    expect(await volumes(night)).toBe(untouched)
  })
})

function volumes({ machine }: Night): Promise<string> {
  return machine.ok('lvs --noheadings -o lv_name vg01 | sort | xargs')
}
