import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Night } from '../night.ts'
import {
  aftermath,
  begin,
  clean,
  expectCancelled,
  expectMirrors,
  letGo,
  office,
  runningOn,
  runs,
  slow,
  until,
  watchOverlap,
} from './office.ts'

/** Other programs, other moments, twice; and what is killed is not hdsync itself. */
export function killedOtherwise(night: Night): void {
  describe('a hook that hangs', () => {
    beforeAll(async () => {
      const hooks = ['run.started', 'run.cancelled', 'run.failed'].map(
        (event) => `  - { exec: [/usr/local/sbin/hook, ${event}], on: [${event}], timeout: 10m }`,
      )
      await night.configure(`${office.config}\nnotify:\n${hooks.join('\n')}\n`)
      await night.machine.ok(`
      printf '#!/bin/sh\\necho "$1 $HDSYNC_RUN" >> /run/told\\n' > /usr/sbin/hook
      chmod 755 /usr/sbin/hook; cp /usr/sbin/hook /usr/local/sbin/hook`)
    })
    afterAll(() => night.configure(office.config))

    it('is called again when hdsync was killed before it had ended, and not before it has', async () => {
      const held = await night.hold('hook', 'run.started')
      const copying = await night.hold('rsync')
      const hdsync = await begin(night, { words: 'var' })
      await held.reached()
      await copying.reached()
      await hdsync.kill('SIGKILL')
      await hdsync.running.wait()
      await night.machine.ok(
        'rm /usr/local/sbin/rsync; cp --remove-destination /usr/sbin/hook /usr/local/sbin',
      )
      const next = night.run('run', 'var')
      const told = async () => (await night.machine.ok('cut -d" " -f1 /run/told')).split('\n').sort()
      // The one that hangs was told of the killed run's start; of its end, and of the next run, others are told beside it.
      await until(night, '[ $(wc -l < /run/told) = 2 ]')
      expect(await told()).toEqual(['run.failed', 'run.started'])
      await night.machine.ok('touch /run/hold-hook/go')
      expect((await next).code).toBe(0)
      expect(await told()).toEqual(['run.failed', 'run.started', 'run.started', 'run.started'])
      expect(await aftermath(night)).toEqual(clean)
    })

    it('does not keep a run from being cancelled, and the end is told', async () => {
      const held = await night.hold('hook', 'run.started')
      const copying = await night.hold('lvcreate')
      const hdsync = await begin(night, { words: 'var' })
      await held.reached()
      await copying.reached()
      await hdsync.kill('SIGINT')
      await hdsync.says('SIGINT: stopping')
      await copying.go()
      await expectCancelled(night, hdsync, 'SIGINT')
      expect(await night.machine.ok('tail -1 /run/told')).toContain('run.cancelled')
    })
  })

  describe('an hdsync that is killed', () => {
    afterEach(() => letGo(night))

    leavesItsProgram(night, { program: 'rsync', pattern: '*--max-delete*', goes: false })
    leavesItsProgram(night, { program: 'lvcreate', pattern: '*', goes: true })

    it('leaves no half archive behind, also when the next run falls on another day', async () => {
      await night.machine.ok('date +%N > /srv/var/mail/changed')
      const quick = await slow(night, 'tar', '--checkpoint=1', '--checkpoint-action=sleep=1')
      const hdsync = await begin(night, { words: 'var' })
      await until(night, 'ls /mnt/hdd9/*/.var.tar.zst.hdsync-part')
      await hdsync.kill('SIGKILL')
      await hdsync.running.wait()
      await quick()
      await night.machine.ok('date -s "+1 day"')
      expect((await night.run()).code).toBe(0)
      expect(await aftermath(night)).toEqual(clean)
    })

    it('may be killed again while it puts things in order', async () => {
      await night.machine.ok('date +%N > /srv/var/mail/changed')
      const copying = await night.hold('rsync', '*--max-delete*')
      const first = await begin(night, { words: 'var' })
      await copying.reached()
      await first.kill('SIGKILL')
      await first.running.wait()
      const held = await night.hold('lvremove')
      const second = await begin(night, { words: 'var' })
      await held.reached()
      await second.kill('SIGKILL')
      await second.running.wait()
      await held.go()
      await night.machine.ok('rm /usr/local/sbin/rsync')
      expect((await night.run('run', 'var')).code).toBe(0)
      expect(await aftermath(night)).toEqual(clean)
      const states = (await runs(night)).slice(0, 2).map(({ state }) => state)
      expect(states).toEqual(['succeeded', 'failed'])
    })

    it('had been asked for a run that had not begun: it begins with the next start, and both end well', async () => {
      writeFileSync(
        join(night.machine.dir, 'ask.mjs'),
        `import { loadConfig } from '/opt/hdsync/runtime/config/load.ts'
       import { openEngine } from '/opt/hdsync/runtime/backup/open-engine.ts'
       import { backupStart } from '/opt/hdsync/events/index.ts'
       const engine = await openEngine({ config: await loadConfig({ env: {} }) })
       await engine.trigger(backupStart, { sources: ['var'] })
       process.kill(process.pid, 'SIGKILL')`,
      )
      expect((await night.machine.run('node /run/lab/ask.mjs')).code).toBe(137)
      await night.run('run', 'var')
      const good = { state: 'succeeded', sources: [{ error: null }] }
      expect((await runs(night)).slice(0, 2)).toMatchObject([good, good])
      expect(await aftermath(night)).toEqual(clean)
    })
  })

  describe('a night that is disturbed', () => {
    it('does a command again that somebody kills: lvcreate, rsync, tar', async () => {
      await night.machine.ok('head -c 300000 /dev/urandom > /srv/var/mail/large; sync -f /srv/var')
      const held = await night.hold('lvcreate', '*lv_var')
      const copiesFast = await slow(night, 'rsync', '--bwlimit=20')
      const packsFast = await slow(night, 'tar', '--checkpoint=1', '--checkpoint-action=sleep=1')
      const hdsync = await begin(night)
      await held.reached()
      await night.machine.ok('rm /usr/local/sbin/lvcreate; pkill -KILL -x lvcreate')
      await until(night, 'ls /mnt/hdd1/var/mail/.large.*')
      await copiesFast()
      await night.machine.ok('pkill -KILL -o -x rsync')
      await until(night, 'pkill -KILL -x tar')
      await packsFast()
      const { code, result } = await hdsync.end()
      expect(result).toMatchObject({ state: 'succeeded' })
      expect(code).toBe(0)
      expect(await aftermath(night)).toEqual(clean)
      await expectMirrors(night, 'var', 'home')
    })

    it('gives up one source in clear words when its rsync is killed each time, and does the other', async () => {
      await night.machine.ok('date +%N > /srv/var/mail/changed')
      await night.machine.ok(`printf '%s\\n' '#!/bin/bash' 'case "$*" in *-var/*) kill -KILL $$ ;; esac' \
      'exec /usr/bin/rsync "$@"' > /usr/local/sbin/rsync; chmod 755 /usr/local/sbin/rsync`)
      const { code, result } = await night.run()
      await night.machine.ok('rm /usr/local/sbin/rsync')
      expect(code).toBe(1)
      expect(result.sources).toMatchObject([
        { source: 'var', state: 'failed', error: expect.stringMatching(/rsync was ended by SIGKILL/) },
        { source: 'home', state: 'succeeded' },
      ])
      expect(await aftermath(night)).toEqual(clean)
    })

    it('has one run of several that are started at once', async () => {
      const held = await night.hold('lvcreate')
      const all = night.machine.ok(`
      for i in 1 2 3; do (hdsync run home --json > /run/out$i 2>/run/err$i; echo $?) & done; wait`)
      await held.reached()
      await until(night, '[ $(pgrep -cf runtime/cli/main) = 1 ]')
      await held.go()
      expect((await all).split('\n').sort()).toEqual(['0', '4', '4'])
      expect(await night.machine.ok('cat /run/err? | grep -c "nothing was started"')).toBe('2')
      expect(await aftermath(night)).toEqual(clean)
    })
  })
}

/**
 * A test of an hdsync that is killed while a program of it is running.
 * @param stop The program, the arguments by which it is known, and whether the next hdsync lets it finish.
 */
function leavesItsProgram(night: Night, stop: { program: string; pattern: string; goes: boolean }): void {
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
