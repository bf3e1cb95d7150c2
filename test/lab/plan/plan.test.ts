import { describe, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { expectTruth, plan, planned } from './truth.ts'

describeNight('a server that nobody has backed up yet', planned, (night) => {
  describe('hdsync plan', () => {
    it('tells the commands of the first night, word by word and in their order', async () => {
      const { planned: lines } = await expectTruth(night)
      expect(lines).toEqual(
        expect.arrayContaining([expect.stringMatching(/^mount -t ext3 -o nodev,nosuid -- /)]),
      )
      expect(lines.join('\n')).toContain(`'--exclude=it'\\''s'`)
    })

    it('executes none of them', async () => {
      const state = () =>
        night.machine.ok(
          'lvs --noheadings -o lv_name,lv_time; cat /proc/mounts; ls -la /mnt/*; hdsync runs --json',
        )
      const before = await state()
      await plan(night)
      expect(await state()).toBe(before)
    })
  })

  describe('hdsync init', () => {
    it('proposes what this machine has', async () => {
      const { sources } = JSON.parse(await night.machine.ok('hdsync init --json'))
      const volumes = sources.filter(({ lv }: { lv: string | null }) => lv)
      expect(volumes).toMatchObject([
        { name: 'var', at: '/srv/var', lv: 'vg01/lv_var', type: 'reiserfs', snapshotBytes: 64 * 2 ** 20 },
        { name: 'home', at: '/srv/home', lv: 'vg01/lv_home', type: 'ext3', snapshotBytes: 56 * 2 ** 20 },
      ])
    })

    it('leaves the config alone that is there', async () => {
      const before = await night.machine.ok('cat /etc/hdsync/hdsync.yaml')
      const { code, stderr } = await night.hdsync('init', '--yes')
      expect(code).toBe(2)
      expect(stderr).toContain('/etc/hdsync/hdsync.yaml is there already')
      expect(await night.machine.ok('cat /etc/hdsync/hdsync.yaml')).toBe(before)
    })
  })
})
