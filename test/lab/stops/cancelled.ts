import { afterEach, expect, it } from 'vitest'
import type { Night } from '../night.ts'
import {
  aftermath,
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
}
