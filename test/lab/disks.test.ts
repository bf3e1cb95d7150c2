import { expect, it } from 'vitest'
import { describeNight, type Setting } from './night.ts'
import { leftovers } from './servers.ts'

/**
 * Disks that fail in the middle of a night. The backup disk and the physical volume lie behind device-mapper
 * targets, so that errors can be switched on; the state has a small disk of its own.
 */
const failing: Setting = {
  server: {
    disk: '/dev/mapper/pv',
    volumes: [
      { name: 'lv_var', fs: 'ext4', size: '48M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '48M', at: '/srv/home' },
    ],
  },
  group: 260,
  disks: [120, 120, 100, 24],
  before: `
    # The same disk must not be seen twice.
    sed -i 's,^devices {,devices { global_filter=["r|^/dev/vd|"],' /etc/lvm/lvmlocal.conf
    size() { blockdev --getsz $1; }
    dmsetup create pv --table "0 $(size /dev/vda) linear /dev/vda 0"
    dmsetup create backup --table "0 $(size /dev/vdb) linear /dev/vdb 0"
    dmsetup mknodes`,
  prepare: `
    mke2fs -q -t ext4 /dev/mapper/backup; mke2fs -q -t ext4 /dev/vdc; mke2fs -q -t ext4 /dev/vdd; mke2fs -q -t ext4 /dev/vde
    mkdir -p /mnt/hdd1 /mnt/hdd2 /mnt/hdd9 /srv/state; mount /dev/vde /srv/state
    for n in {1..30}; do head -c 200K /dev/urandom > /srv/var/$n; echo $n > /srv/home/$n; done; sync
    printf '#!/bin/sh\\ncat >> /run/told\\n' > /usr/local/bin/tell; chmod 755 /usr/local/bin/tell
    for target in hdd1 hdd2 hdd9; do hdsync target adopt $target; done`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1 }
  home: { lv: vg01/lv_home, target: hdd2 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/mapper/backup, at: /mnt/hdd1 }] }
  hdd2: { path: /mnt/hdd2, mounts: [{ device: /dev/vdc, at: /mnt/hdd2 }] }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: /dev/vdd, at: /mnt/hdd9 }] }
archive: { target: hdd9 }
state: /srv/state/hdsync
notify: [{ exec: [/usr/local/bin/tell], on: [run.failed] }]
`,
}
const nothing = { snapshots: [], mounts: [] }
const copyingVar = '*progress2*-var/*'

describeNight('a disk that fails', failing, (night) => {
  const archives = () =>
    night.machine.ok('mount -r /dev/vdd /mnt/hdd9; cd /mnt/hdd9/*day && sha256sum *; cd /; umount /mnt/hdd9')

  /** A night in which something happens while var is copied. */
  async function nightWith(script: string) {
    const held = await night.hold('rsync', copyingVar)
    const running = night.run()
    await held.reached()
    await night.machine.ok(script)
    await held.go()
    return running
  }

  it('was good before', async () => {
    const { code, result } = await night.run()
    expect(result.state).toBe('succeeded')
    expect(code).toBe(0)
  })

  it('in the source fails that source alone, and last week’s archive stands', async () => {
    const before = await archives()
    // The block of one file, as the physical volume counts: where the volume begins, then where the file does.
    await night.machine.ok(`
      block=$(filefrag -v /srv/var/7 | awk '$1 == "0:" { sub(/\\.\\./, "", $4); print $4 }')
      bytes=$(stat -f -c %S /srv/var)
      first=$(lvs --noheadings -o seg_pe_ranges vg01/lv_var | sed 's/.*:\\([0-9]*\\)-.*/\\1/')
      extent=$(vgs --noheadings --units s --nosuffix -o vg_extent_size vg01 | tr -d ' ')
      start=$(pvs --noheadings --units s --nosuffix -o pe_start /dev/mapper/pv | tr -d ' ')
      sector=$((start + first * extent + block * bytes / 512))
      after=$((sector + 8))
      dmsetup suspend pv
      dmsetup reload pv <<TABLE
0 $sector linear /dev/vda 0
$sector 8 error
$after $(($(blockdev --getsz /dev/vda) - after)) linear /dev/vda $after
TABLE
      dmsetup resume pv
      touch /srv/var/7; sync; echo 3 > /proc/sys/vm/drop_caches`)
    const { code, result } = await night.run()
    await night.machine.ok(`
      dmsetup suspend pv; dmsetup reload pv --table "0 $(blockdev --getsz /dev/vda) linear /dev/vda 0"
      dmsetup resume pv`)
    expect(code).toBe(1)
    const [bad, good] = result.sources
    expect(bad).toMatchObject({ state: 'failed', archive: null })
    expect(bad?.error).toMatch(/rsync could not copy everything: .*7.*Input\/output error/)
    expect(good).toMatchObject({ state: 'succeeded' })
    expect(await leftovers(night.machine)).toEqual(nothing)
    const hashOfVar = (lines: string) => /.* var\.tar\.zst/.exec(lines)?.[0]
    expect(hashOfVar(await archives())).toBe(hashOfVar(before))
  })

  it('that turns read-only fails what is copied there, and the others go on', async () => {
    await night.machine.ok('echo new > /srv/var/new')
    const { code, result } = await nightWith('mount -o remount,ro /mnt/hdd1')
    expect(code).toBe(1)
    expect(result.sources.map(({ state }) => state)).toEqual(['failed', 'succeeded'])
    expect(result.sources[0]?.error).toMatch(/sync\.run: .*[Rr]ead-only/)
    expect(await leftovers(night.machine)).toEqual(nothing)
  })

  it('that vanishes fails what is copied there, and the others go on', async () => {
    await night.machine.ok('head -c 20M /dev/urandom > /srv/var/large')
    const { code, result } = await nightWith(`
      dmsetup suspend --noflush --nolockfs backup
      dmsetup reload backup --table "0 $(blockdev --getsz /dev/vdb) error"; dmsetup resume backup`)
    expect(code).toBe(1)
    expect(result.sources.map(({ state }) => state)).toEqual(['failed', 'succeeded'])
    expect(result.sources[0]?.error).toMatch(/sync\.run: /)
    expect(await leftovers(night.machine)).toEqual(nothing)
    await night.machine.ok(`
      dmsetup suspend backup; dmsetup reload backup --table "0 $(blockdev --getsz /dev/vdb) linear /dev/vdb 0"
      dmsetup resume backup; e2fsck -fy /dev/mapper/backup >/dev/null 2>&1; true`)
    // What was copied looked good in memory, and was not on the disk: sizes and times are not trusted now.
    expect((await night.run()).result.state).toBe('succeeded')
    expect(await night.machine.ok('hdsync show')).toContain('--checksum')
  })

  it('of the state directory that is full ends the run, releases the snapshots and tells the hooks', async () => {
    await night.machine.ok('rm -f /run/told; echo new > /srv/var/new')
    const { code, result, stderr } = await nightWith(
      'dd if=/dev/zero of=/srv/state/full bs=64k status=none 2>&1; true',
    )
    expect(code).toBe(1)
    expect(stderr).toContain('the disk of /srv/state/hdsync is full')
    expect(result).toMatchObject({ state: 'failed' })
    expect(result.sources[0]?.error).toContain('is full')
    expect(await leftovers(night.machine)).toEqual(nothing)
    expect(JSON.parse(await night.machine.ok('cat /run/told'))).toMatchObject({ type: 'run.failed' })

    await night.machine.ok('rm /srv/state/full')
    expect((await night.run()).result.state).toBe('succeeded')
    const states = JSON.parse(await night.machine.ok('hdsync runs --json --limit 2'))
    expect(states.map(({ state }: { state: string }) => state)).toEqual(['succeeded', 'failed'])
  })
})
