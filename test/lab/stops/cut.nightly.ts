import { afterAll, describe, expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { stuckLvcreate } from './cut.ts'
import {
  aftermath,
  begin,
  clean,
  endTimeoutMs,
  expectCancelled,
  installStuckLvcreate,
  office,
  suspended,
  until,
} from './office.ts'

/** Whatever becomes of the hdsync that has started it. */
export function cutOtherwise(night: Night): void {
  describe('lvcreate, stopped while it has the live volume suspended', () => {
    stuckLvcreate(night)

    it('is waited for when the run is cancelled', async () => {
      const hdsync = await begin(night, { words: 'var' })
      await until(night, '[ -e /run/stuck/suspended ]')
      await hdsync.kill('SIGTERM')
      await hdsync.says('SIGTERM: stopping')
      expect(await suspended(night)).toEqual(['vg01-lv_var'])
      await night.machine.ok('touch /run/stuck/go')
      await expectCancelled(night, hdsync, 'SIGTERM')
    })

    it('is waited for by the next hdsync when its own was killed: the live volume goes on', async () => {
      const first = await begin(night, { words: 'var' })
      await until(night, '[ -e /run/stuck/suspended ]')
      await first.kill('SIGKILL')
      await first.running.wait()
      const second = await begin(night, { words: 'var' })
      // A busy server's disks take longer than this to settle before the snapshot.
      await night.machine.ok('for i in {1..30}; do pgrep -x lvm >/dev/null || break; sleep 0.1; done')
      await night.machine.ok('touch /run/stuck/go')
      const { code } = await second.running.wait({ timeoutMs: endTimeoutMs })
      expect(await suspended(night)).toEqual([])
      expect(code).toBe(0)
      expect(await aftermath(night)).toEqual(clean)
    })

    describe('of a thin volume', () => {
      afterAll(async () => {
        await night.machine.ok('dmsetup resume vg01-lv_thin; umount /srv/thin; lvremove -qf vg01/pool')
        await night.configure(office.config)
      })

      it('leaves it not suspended when it and its hdsync are killed, and only another source comes next', async () => {
        await night.machine.ok(`set -e
      lvcreate -q -L 16M --thinpool pool vg01 >/dev/null 2>&1; lvcreate -q -V 12M --thinpool pool -n lv_thin vg01 >/dev/null 2>&1
      mke2fs -q -t ext4 /dev/vg01/lv_thin; mkdir -p /srv/thin; mount /dev/vg01/lv_thin /srv/thin; echo thin > /srv/thin/file`)
        await night.configure(
          office.config.replace('sources:', 'sources:\n  thin: { lv: vg01/lv_thin, target: hdd1 }'),
        )
        await installStuckLvcreate(night, 'lv_thin')
        const hdsync = await begin(night, { words: 'thin' })
        await until(night, '[ -e /run/stuck/suspended ]')
        await hdsync.kill('SIGKILL')
        await hdsync.running.wait()
        await night.machine.ok('pkill -KILL -x lvm; rm /usr/local/sbin/lvcreate')
        expect(await suspended(night)).toEqual(['vg01-lv_thin'])
        expect((await night.run('run', 'home')).code).toBe(0)
        expect(await suspended(night)).toEqual([])
        expect(await aftermath(night)).toEqual({ ...clean, snapshots: ['vg01/pool'] })
      })
    })

    it('leaves nothing in the way of the next night when the power is cut', async () => {
      const hdsync = await begin(night, { words: 'var' })
      await until(night, '[ -e /run/stuck/suspended ]')
      await Promise.all([expect(hdsync.running.wait()).rejects.toThrow('went off'), night.reboot()])
      const volumes = await night.machine.ok('lvs -a -o lv_name,lv_attr,origin,lv_tags')
      const { stderr, result } = await night.run('run', 'var')
      expect(result, `${stderr}\n${volumes}`).toMatchObject({ state: 'succeeded' })
      // What it had made had no origin yet, and nothing without an origin is ever removed: it was given its origin first.
      expect(await aftermath(night)).toEqual(clean)
    })
  })
}
