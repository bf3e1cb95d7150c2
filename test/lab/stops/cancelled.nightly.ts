import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { lab2002 } from '../lab2002.ts'
import type { Night } from '../night.ts'
import {
  aftermath,
  archivesOn,
  begin,
  clean,
  endTimeoutMs,
  expectCancelled,
  expectMirrors,
  letGo,
  runningOn,
  runs,
  shown,
  slow,
  until,
} from './office.ts'

/** At other moments of a night, and twice. */
export function cancelledOtherwise(night: Night): void {
  afterEach(() => letGo(night))

  it('lets the command end, when the signal comes while the snapshot is being mounted', async () => {
    const held = await night.hold('mount', '*hdsync_var*')
    const hdsync = await begin(night)
    await held.reached()
    await hdsync.kill('SIGINT')
    await hdsync.says('SIGINT: stopping')
    expect(await runningOn(night)).toContain('mount')
    await held.go()
    await expectCancelled(night, hdsync, 'SIGINT')
  })

  it('ends the command, when the signal comes while zstd verifies', async () => {
    await night.machine.ok('date +%N > /srv/var/mail/changed')
    const archives = await archivesOn(night)
    const held = await night.hold('zstd', '*--test*')
    const hdsync = await begin(night)
    await held.reached()
    await hdsync.kill('SIGINT')
    await expectCancelled(night, hdsync, 'SIGINT')
    await held.go()
    expect(await archivesOn(night)).toEqual(archives)
  })

  it('does not wait for the next trial', async () => {
    const present = await lab2002(night.machine)
    const hdsync = await begin(night)
    await hdsync.says('mount refused, 9 attempts left')
    await hdsync.kill('SIGINT')
    await expectCancelled(night, hdsync, 'SIGINT')
    await present()
  })

  it('is a success all the same when everything had been done', async () => {
    const held = await night.hold('umount', '*/mnt/hdd9')
    const hdsync = await begin(night, { words: 'home' })
    await held.reached()
    await hdsync.kill('SIGINT')
    await hdsync.says('SIGINT: stopping')
    await held.go()
    const { code, result } = await hdsync.end()
    expect(result).toMatchObject({ state: 'succeeded' })
    expect(code).toBe(0)
    expect(await aftermath(night)).toEqual(clean)
  })

  it('exits at once at the second Ctrl-C, and the next run puts things in order', async () => {
    const held = await night.hold('umount', '*-var')
    const hdsync = await begin(night)
    await held.reached()
    await hdsync.kill('SIGINT')
    await hdsync.says('SIGINT: stopping')
    await hdsync.kill('SIGINT')
    const { code, stdout } = await hdsync.running.wait({ timeoutMs: endTimeoutMs })
    expect(code).toBe(130)
    expect(stdout).toBe('')
    expect((await aftermath(night)).snapshots).toEqual(['vg01/hdsync_var'])
    await held.go()
    expect((await night.run()).code).toBe(0)
    expect(await aftermath(night)).toEqual(clean)
    await expectMirrors(night, 'var', 'home')
    const [, before] = await runs(night)
    expect(before?.endedAt).not.toBeNull()
    expect(['cancelled', 'failed']).toContain(before?.state)
  })

  it('begins no run when the signal comes while an earlier one is being put in order', async () => {
    await night.machine.ok('date +%N > /srv/var/mail/changed')
    const copying = await night.hold('rsync', '*--max-delete*')
    const first = await begin(night, { words: 'var' })
    await copying.reached()
    await first.kill('SIGKILL')
    await copying.go()
    const held = await night.hold('umount')
    const second = await begin(night)
    await held.reached()
    await second.kill('SIGTERM')
    await second.says('SIGTERM: stopping')
    await held.go()
    expect((await second.running.wait({ timeoutMs: endTimeoutMs })).code).toBe(143)
    expect(await aftermath(night)).toEqual(clean)
    const [latest] = await runs(night)
    expect(latest).toMatchObject({ state: 'failed', sources: [{ source: 'var' }] })
  })

  it('puts things in order too when its output has gone with the Ctrl-C: hdsync run 2>&1 | tee log', async () => {
    const held = await night.hold('lvcreate')
    const hdsync = await begin(night, {
      script: '{ echo $BASHPID > /run/hdsync.pid; exec hdsync run; } 2>&1 | tee /run/log > /dev/null',
    })
    await held.reached()
    await night.machine.ok('pkill -KILL -x tee; kill -INT $(cat /run/hdsync.pid)')
    await held.go()
    await until(night, '! kill -0 $(cat /run/hdsync.pid) 2>&1')
    await hdsync.running.wait()
    expect(await aftermath(night)).toEqual(clean)
    expect(await shown(night)).toMatchObject({ state: 'cancelled' })
  })

  it('ends tar and zstd with half an archive written', async () => {
    await night.machine.ok('date +%N > /srv/var/mail/changed')
    const archives = await archivesOn(night)
    const quick = await slow(night, 'tar', '--checkpoint=1', '--checkpoint-action=sleep=1')
    const hdsync = await begin(night)
    await until(night, 'ls /mnt/hdd9/*/.var.tar.zst.hdsync-part')
    await hdsync.kill('SIGTERM')
    await expectCancelled(night, hdsync, 'SIGTERM')
    await quick()
    expect(await archivesOn(night)).toEqual(archives)
  })

  it('puts things in order when the terminal goes away (SIGHUP)', async () => {
    const held = await night.hold('lvcreate')
    // script(1) makes a terminal; its end closes it, as a broken ssh connection does.
    await night.machine.start(
      "script -qc 'echo $$ > /run/hdsync.pid; exec hdsync run' /run/typescript >/dev/null",
    )
    await held.reached()
    await night.machine.ok('pkill -KILL -x script')
    await pause(300)
    await held.go()
    await until(night, '! kill -0 $(cat /run/hdsync.pid) 2>&1')
    expect(await aftermath(night)).toEqual(clean)
    expect(await shown(night)).toMatchObject({ state: 'cancelled' })
  })
}
