import { expect } from 'vitest'
import type { Night, Setting } from '../night.ts'
import { oddFiles } from '../servers.ts'

/** A live volume, a disk for its mirror, and room in the volume group; somebody has a volume of the name that drills take. */
export const setting: Setting = {
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

/** The volumes of the group when no drill is at work. */
export const untouched = 'hdsync_drill lv_var'

export function volumes({ machine }: Night): Promise<string> {
  return machine.ok('lvs --noheadings -o lv_name vg01 | sort | xargs')
}

/**
 * Kills a drill when it begins a program, and sees that the next start removes what it has left.
 * @param after A command in between, of the machine's shell.
 */
export async function expectRemoved(
  night: Night,
  { program, pattern = '*', after = 'true' }: { program: string; pattern?: string; after?: string },
): Promise<void> {
  const held = await night.hold(program, pattern)
  const drill = await night.machine.start('hdsync drill var --whole & echo $! >/run/drill.pid; wait $!')
  await held.reached()
  expect(await volumes(night)).toContain('hdsync_drill.2')
  await night.machine.ok(`kill -9 $(cat /run/drill.pid); pkill -9 -f hold- || true`)
  await drill.wait()
  await held.go()
  await night.machine.ok(after)
  const { code } = await night.run()
  expect(code).toBe(0)
  expect(await volumes(night)).toBe(untouched)
  expect(await night.machine.ok('grep -c /mnt/drill /proc/mounts || true')).toBe('0')
}
