import { beforeAll, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { leftovers } from '../servers.ts'
import { failing, nightWith, nothing } from './server.ts'

describeNight('a disk that fails', failing, (night) => {
  const archives = () =>
    night.machine.ok('mount -r /dev/vdd /mnt/hdd9; cd /mnt/hdd9/*day && sha256sum *; cd /; umount /mnt/hdd9')

  beforeAll(async () => expect((await night.run()).code).toBe(0))

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
    const { code, result } = await nightWith(night, 'mount -o remount,ro /mnt/hdd1')
    expect(code).toBe(1)
    expect(result.sources.map(({ state }) => state)).toEqual(['failed', 'succeeded'])
    expect(result.sources[0]?.error).toMatch(/sync\.run: .*[Rr]ead-only/)
    expect(await leftovers(night.machine)).toEqual(nothing)
  })

  it('of the state directory that is full ends the run, releases the snapshots and tells the hooks', async () => {
    await night.machine.ok('rm -f /run/told; echo new > /srv/var/new')
    const { code, result, stderr } = await nightWith(
      night,
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
