import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Night } from '../night.ts'
import {
  aftermath,
  begin,
  clean,
  expectMirrors,
  installStuckLvcreate,
  integrity,
  runs,
  shown,
  slow,
  suspended,
  until,
} from './office.ts'

/** What is worse than a kill: a live volume left suspended, and the power cut. */
export function cut(night: Night): void {
  describe('lvcreate, stopped while it has the live volume suspended', () => {
    stuckLvcreate(night)

    it('leaves no live volume suspended when somebody kills it, and is done again', async () => {
      const hdsync = await begin(night, { words: 'var' })
      await until(night, '[ -e /run/stuck/suspended ]')
      await night.machine.ok('pkill -KILL -x lvm; touch /run/stuck/go')
      const { stderr } = await hdsync.running.wait()
      const volumes = await night.machine.ok('lvs -a -o lv_name,lv_attr,origin,lv_tags')
      expect(await suspended(night), `${stderr}\n${volumes}`).toEqual([])
      // What it had made had no origin yet, and nothing without an origin is ever removed: it was given its origin first.
      expect(await aftermath(night)).toEqual(clean)
      expect(await shown(night)).toMatchObject({ state: 'succeeded' })
    })
  })

  it('is put in order after a power cut, with snapshots, copies and an archive underway', async () => {
    await night.machine.ok(`date > /srv/var/mail/1; head -c 400000 /dev/urandom > /srv/home/mail/large
      sync -f /srv/var; sync -f /srv/home`)
    // The archive of the first source is written while the second one is copied, however slow the box is.
    await night.machine.ok(`
      printf '%s\\n' '#!/bin/sh' 'until ls /mnt/hdd1/home/mail/.large.* >/dev/null 2>&1; do sleep 0.2; done' > /run/await-home
      chmod 755 /run/await-home`)
    await slow(night, 'tar', '--checkpoint=1', '--checkpoint-action=exec=/run/await-home')
    await slow(night, 'rsync', '--bwlimit=20')
    const hdsync = await begin(night)
    await until(night, 'ls /mnt/hdd9/*/.var.tar.zst.hdsync-part /mnt/hdd1/home/mail/.large.*')
    await Promise.all([expect(hdsync.running.wait()).rejects.toThrow('went off'), night.reboot()])
    expect(await integrity(night)).toBe('ok')
    const { broken, snapshots } = await aftermath(night)
    expect({ broken, snapshots }).toEqual({ broken: [], snapshots: ['vg01/hdsync_home'] })
    const [cut] = await runs(night)
    expect(cut).toMatchObject({ state: 'running', endedAt: null })

    const { code, result } = await night.run()
    expect(result).toMatchObject({ state: 'succeeded' })
    expect(code).toBe(0)
    const [latest, interrupted] = await runs(night)
    expect(latest?.run).toBe(result.run)
    expect(interrupted).toMatchObject({ run: cut?.run, state: 'failed' })
    expect(interrupted?.sources.map(({ error }) => error ?? '').join()).toMatch(/interrupted/)
    expect(await integrity(night)).toBe('ok')
    expect(await aftermath(night)).toEqual(clean)
    await expectMirrors(night, 'var', 'home')
  })
}

/** Of a group of tests: lvcreate stops in the middle, see installStuckLvcreate(). */
export function stuckLvcreate(night: Night): void {
  beforeEach(() => installStuckLvcreate(night))
  afterEach(() =>
    night.machine.ok(
      'mkdir -p /run/stuck; touch /run/stuck/go; dmsetup resume vg01-lv_var; lvremove -qf vg01/hdsync_var || true',
    ),
  )
}
