import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import type { Night } from '../night.ts'
import {
  aftermath,
  archivesOn,
  begin,
  clean,
  endTimeoutMs,
  expectCancelled,
  letGo,
  runningOn,
  shown,
  slow,
  until,
} from './office.ts'

/** Of a night that has had a good one before it. */
export function cancelled(night: Night): void {
  afterEach(() => letGo(night))

  it('ends rsync in the middle of a file', async () => {
    await night.machine.ok('head -c 400000 /dev/urandom > /srv/var/mail/large')
    const quick = await slow(night, 'rsync', '--bwlimit=20')
    const hdsync = await begin(night)
    await until(night, 'ls /mnt/hdd1/var/mail/.large.*')
    await hdsync.kill('SIGINT')
    const result = await expectCancelled(night, hdsync, 'SIGINT')
    expect(await shown(night)).toEqual(result)
    await quick()
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

  it('takes a Ctrl-C in the terminal, which goes to the whole foreground group, as its own', async () => {
    const held = await night.hold('lvcreate')
    // Not exec: the shell, hdsync and cat are a group, as a pipeline typed in a terminal is.
    const hdsync = await begin(night, {
      script: 'set -o pipefail; hdsync run --json | cat > /run/result',
    })
    await held.reached()
    await hdsync.running.kill('SIGINT')
    await hdsync.says('SIGINT: stopping')
    expect(await runningOn(night)).toContain('lvcreate')
    await held.go()
    expect((await hdsync.running.wait({ timeoutMs: endTimeoutMs })).code).toBe(130)
    expect(await shown(night)).toMatchObject({ state: 'cancelled' })
    expect(await aftermath(night)).toEqual(clean)
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
