import { afterEach, describe, expect, it } from 'vitest'
import type { Night } from '../night.ts'
import {
  aftermath,
  begin,
  clean,
  expectMirrors,
  letGo,
  runningOn,
  runs,
  until,
  watchOverlap,
} from './office.ts'

/** Of nights that have had a good one before them. */
export function killed(night: Night): void {
  describe('an hdsync that is killed', () => {
    afterEach(() => letGo(night))

    leavesItsProgram(night, { program: 'rsync', pattern: '*--max-delete*', goes: false })
  })
}

/**
 * A test of an hdsync that is killed while a program of it is running.
 * @param stop The program, the arguments by which it is known, and whether the next hdsync lets it finish.
 */
export function leavesItsProgram(
  night: Night,
  stop: { program: string; pattern: string; goes: boolean },
): void {
  it(`leaves its ${stop.program} to the next one, which has it end before anything else`, async () => {
    await night.machine.ok('date +%N > /srv/var/mail/changed')
    const held = await night.hold(stop.program, stop.pattern)
    const hdsync = await begin(night, { words: 'var' })
    await held.reached()
    await hdsync.kill('SIGKILL')
    expect((await hdsync.running.wait()).code).toBe(137)
    expect(await runningOn(night)).toContain(stop.program)
    await watchOverlap(night, stop.program)

    const next = await begin(night, { words: 'var' })
    await until(night, 'ls -l /proc/$(cat /run/hdsync.pid)/fd | grep -q hdsync.db')
    // What must not be stopped halfway is waited for; all else is ended.
    if (stop.goes) await night.machine.ok(`touch /run/hold-${stop.program}/go`)
    const { code, result } = await next.end()
    expect(result).toMatchObject({ state: 'succeeded' })
    expect(code).toBe(0)
    expect(await night.machine.ok('cat /run/overlap')).toBe('')
    const [, interrupted] = await runs(night)
    expect(interrupted).toMatchObject({ state: 'failed' })
    expect(interrupted?.sources.map(({ error }) => error ?? '').join()).toMatch(/interrupted/)
    expect(await aftermath(night)).toEqual(clean)
    await expectMirrors(night, 'var')
  })
}
