import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { RunResult } from '../../events/index.ts'
import { fingerprint } from './fingerprint.ts'
import { lab2002 } from './lab2002.ts'
import { writeLoad } from './load.ts'
import type { Running, RunOptions } from './machine.ts'
import { describeNight, type Night, type Setting } from './night.ts'

const boot = `
  mkdir -p /srv/state /mnt/hdd1 /mnt/hdd9
  mount /dev/ubdd /srv/state`

/** Two small volumes, a disk for the mirrors, one for the archives, and one for the event store. */
const office: Setting = {
  server: {
    volumes: [
      { name: 'lv_var', fs: 'ext4', size: '24M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext4', size: '24M', at: '/srv/home' },
    ],
  },
  group: 100,
  disks: [64, 48, 32],
  prepare: `
    for disk in b c d; do mke2fs -q -t ext4 /dev/ubd$disk; done
    ${boot}
    for at in /srv/var /srv/home; do
      mkdir $at/mail
      for n in 1 2 3 4 5; do echo $at $n > $at/mail/$n; done
      head -c 300000 /dev/urandom > $at/mail/large
      ln $at/mail/1 $at/linked; ln -s mail $at/link
    done
    sync
    hdsync target adopt hdd1 && hdsync target adopt hdd9`,
  boot,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1, snapshot: { size: 8M }, mount: { backoff: 1h } }
  home: { lv: vg01/lv_home, target: hdd1, snapshot: { size: 8M } }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/ubdb, at: /mnt/hdd1 }] }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: /dev/ubdc, at: /mnt/hdd9 }] }
archive: { target: hdd9 }
state: /srv/state/hdsync
`,
}

/** A stop that takes longer, even on a machine that is busy otherwise, has not been understood as one. */
const endTimeoutMs = 40_000
/** Programs that hdsync runs here. A script that is held bears its program's name. */
const programs = ['lvs', 'lvcreate', 'lvremove', 'blkid', 'mount', 'umount', 'rsync', 'tar', 'zstd', 'sync']

describeNight('a run that is cancelled', office, (night) => {
  beforeAll(async () => expect((await night.run()).code).toBe(0))
  afterEach(() => letGo(night))

  it.each([
    { what: 'a backup disk is being mounted', program: 'mount', pattern: '*/mnt/hdd1', signal: 'SIGINT' },
    { what: 'lvcreate takes the snapshot', program: 'lvcreate', pattern: '*', signal: 'SIGTERM' },
    { what: 'the snapshot is being mounted', program: 'mount', pattern: '*hdsync_var*', signal: 'SIGINT' },
    { what: 'the snapshot is being unmounted', program: 'umount', pattern: '*-var', signal: 'SIGTERM' },
    { what: 'lvremove drops the snapshot', program: 'lvremove', pattern: '*', signal: 'SIGINT' },
  ] as const)('lets the command end, when $signal comes while $what', async (stop) => {
    const held = await night.hold(stop.program, stop.pattern)
    const hdsync = await begin(night)
    await held.reached()
    await hdsync.kill(stop.signal)
    await hdsync.says(`${stop.signal}: stopping`)
    expect(await runningOn(night)).toContain(stop.program)
    await held.go()
    await expectCancelled(night, hdsync, stop.signal)
  })

  it.each([
    { what: 'rsync forecasts', program: 'rsync', pattern: '*--dry-run*', signal: 'SIGTERM' },
    { what: 'zstd verifies', program: 'zstd', pattern: '*--decompress*', signal: 'SIGINT' },
  ] as const)('ends the command, when $signal comes while $what', async (stop) => {
    const archives = await archivesOn(night)
    const held = await night.hold(stop.program, stop.pattern)
    const hdsync = await begin(night)
    await held.reached()
    await hdsync.kill(stop.signal)
    await expectCancelled(night, hdsync, stop.signal)
    await held.go()
    expect(await archivesOn(night)).toEqual(archives)
  })

  it('ends rsync in the middle of a file', async () => {
    await night.machine.ok('head -c 400000 /dev/urandom > /srv/var/mail/large')
    const quick = await slow(night, 'rsync', '--bwlimit=20')
    const hdsync = await begin(night)
    await until(night, 'ls /mnt/hdd1/var/mail/.large.*')
    await hdsync.kill('SIGINT')
    await expectCancelled(night, hdsync, 'SIGINT')
    await quick()
  })

  it('ends tar and zstd with half an archive written', async () => {
    const archives = await archivesOn(night)
    const quick = await slow(night, 'tar', '--checkpoint=1', '--checkpoint-action=sleep=1')
    const hdsync = await begin(night)
    await until(night, 'ls /mnt/hdd9/*/.var.tar.zst.hdsync-part')
    await hdsync.kill('SIGTERM')
    await expectCancelled(night, hdsync, 'SIGTERM')
    await quick()
    expect(await archivesOn(night)).toEqual(archives)
  })

  it('does not wait for the next trial', async () => {
    const present = await lab2002(night.machine)
    const quiet = await writeLoad(night.machine, '/srv/var')
    const hdsync = await begin(night)
    await hdsync.says('mount refused, 9 attempts left')
    await hdsync.kill('SIGINT')
    await expectCancelled(night, hdsync, 'SIGINT')
    await quiet()
    await present()
    await night.machine.ok('rm -r /srv/var/busy')
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
    const [, before] = await runs(night)
    expect(before?.endedAt).not.toBeNull()
    expect(['cancelled', 'failed']).toContain(before?.state)
  })

  it('begins no run when the signal comes while an earlier one is being put in order', async () => {
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

  it('is followed by a good one', async () => {
    expect((await night.run()).result).toMatchObject({ state: 'succeeded' })
    await expectMirrors(night, 'var', 'home')
  })
})

describeNight('a hook that hangs', office, (night) => {
  beforeAll(async () => {
    const hooks = ['run.started', 'run.cancelled', 'run.failed'].map(
      (event) => `  - { exec: [/usr/local/sbin/hook, ${event}], on: [${event}], timeout: 10m }`,
    )
    await night.configure(`${office.config}\nnotify:\n${hooks.join('\n')}\n`)
    await night.machine.ok(`
      printf '#!/bin/sh\\necho "$1 $HDSYNC_RUN" >> /run/told\\n' > /usr/sbin/hook
      chmod 755 /usr/sbin/hook; cp /usr/sbin/hook /usr/local/sbin/hook`)
  })

  it('is called again when hdsync was killed before it had ended', async () => {
    const held = await night.hold('hook', 'run.started')
    const copying = await night.hold('rsync')
    const hdsync = await begin(night, { words: 'var' })
    await held.reached()
    await copying.reached()
    await hdsync.kill('SIGKILL')
    await hdsync.running.wait()
    await night.machine.ok('rm /usr/local/sbin/rsync; cp --remove-destination /usr/sbin/hook /usr/local/sbin')
    expect((await night.run('run', 'var')).code).toBe(0)
    const told = await night.machine.ok('cut -d" " -f1 /run/told')
    expect(told.split('\n').sort()).toEqual(['run.failed', 'run.started', 'run.started'])
    await night.machine.ok('touch /run/hold-hook/go')
    await until(night, '! pgrep -x hook')
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

describeNight('an hdsync that is killed', office, (night) => {
  beforeAll(async () => expect((await night.run()).code).toBe(0))
  afterEach(() => letGo(night))

  it.each([
    { program: 'lvcreate', pattern: '*', words: 'var', goes: true },
    { program: 'mount', pattern: '*hdsync_var*', words: 'var', goes: true },
    { program: 'lvremove', pattern: '*', words: '', goes: true },
    { program: 'rsync', pattern: '*--max-delete*', words: 'var', goes: false },
    { program: 'tar', pattern: '*', words: 'var', goes: false },
  ])('leaves its $program to the next one, which has it end before anything else', async (stop) => {
    await night.machine.ok('date +%N > /srv/var/mail/changed')
    const held = await night.hold(stop.program, stop.pattern)
    const hdsync = await begin(night, { words: stop.words })
    await held.reached()
    await hdsync.kill('SIGKILL')
    expect((await hdsync.running.wait()).code).toBe(137)
    expect(await runningOn(night)).toContain(stop.program)
    await watchOverlap(night, stop.program)

    const next = await begin(night, { words: stop.words })
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

  it('leaves no half archive behind, also when the next run falls on another day', async () => {
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
       import { openEngine } from '/opt/hdsync/runtime/engine/engine.ts'
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

describeNight('a night that is disturbed', office, (night) => {
  it('does a command again that somebody kills: lvcreate, rsync, tar', async () => {
    const held = await night.hold('lvcreate', '*lv_var')
    const copiesFast = await slow(night, 'rsync', '--bwlimit=20')
    const packsFast = await slow(night, 'tar', '--checkpoint=1', '--checkpoint-action=sleep=1')
    const hdsync = await begin(night)
    await held.reached()
    await night.machine.ok('rm /usr/local/sbin/lvcreate; pkill -KILL -x lvcreate')
    await until(night, 'ls /mnt/hdd1/var/mail/.large.*')
    await copiesFast()
    await night.machine.ok('pkill -KILL -o -x rsync')
    await until(night, 'ls /mnt/hdd9/*/.var.tar.zst.hdsync-part')
    await packsFast()
    await night.machine.ok('pkill -KILL -x tar')
    const { code, result } = await hdsync.end()
    expect(result).toMatchObject({ state: 'succeeded' })
    expect(code).toBe(0)
    expect(await aftermath(night)).toEqual(clean)
    await expectMirrors(night, 'var', 'home')
  })

  it('gives up one source in clear words when its rsync is killed each time, and does the other', async () => {
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
    for (const round of [1, 2]) {
      const held = await night.hold('lvcreate')
      const all = night.machine.ok(`
        for i in 1 2 3; do (hdsync run home --json > /run/out$i 2>/run/err$i; echo $?) & done; wait`)
      await held.reached()
      await until(night, '[ $(pgrep -cf runtime/cli/main.ts) = 1 ]')
      await held.go()
      expect((await all).split('\n').sort(), `round ${round}`).toEqual(['0', '4', '4'])
      expect(await night.machine.ok('cat /run/err? | grep -c "nothing was started"')).toBe('2')
    }
    expect(await aftermath(night)).toEqual(clean)
  })
})

describeNight('lvcreate, stopped while it has the live volume suspended', office, (night) => {
  beforeEach(() => installStuckLvcreate(night))
  afterEach(() =>
    night.machine.ok(
      'mkdir -p /run/stuck; touch /run/stuck/go; dmsetup resume vg01-lv_var; lvremove -qf vg01/hdsync_var || true',
    ),
  )

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
    await night.machine.ok('for i in {1..80}; do pgrep -x lvm >/dev/null || break; sleep 0.1; done')
    await night.machine.ok('touch /run/stuck/go')
    const { code } = await second.running.wait({ timeoutMs: endTimeoutMs })
    expect(await suspended(night)).toEqual([])
    expect(code).toBe(0)
    expect(await aftermath(night)).toEqual(clean)
  })

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

describeNight('a power cut', office, (night) => {
  beforeAll(async () => expect((await night.run()).code).toBe(0))

  const rsyncIsSlow = (at: Night) => slow(at, 'rsync', '--bwlimit=20')
  const tarIsSlow = (at: Night) => slow(at, 'tar', '--checkpoint=1', '--checkpoint-action=sleep=1')

  it.each([
    {
      what: 'right after lvcreate',
      prepare: (at: Night) => at.hold('mount', '*hdsync_var*'),
      reached: '[ -e /run/hold-mount/reached ]',
    },
    {
      what: 'while rsync copies from the mounted snapshot',
      prepare: rsyncIsSlow,
      reached: 'ls /mnt/hdd1/var/mail/.large.*',
    },
    {
      what: 'while the archive is being written',
      prepare: tarIsSlow,
      reached: 'ls /mnt/hdd9/*/.var.tar.zst.hdsync-part',
    },
  ])('$what is put in order by the next run', async ({ prepare, reached }) => {
    await night.machine.ok('head -c 400000 /dev/urandom > /srv/var/mail/large; sync -f /srv/var')
    await prepare(night)
    const hdsync = await begin(night)
    await until(night, reached)
    await Promise.all([expect(hdsync.running.wait()).rejects.toThrow('went off'), night.reboot()])
    expect(await integrity(night)).toBe('ok')
    expect((await aftermath(night)).broken).toEqual([])
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
})

interface Hdsync {
  running: Running
  /** Sends a signal to hdsync itself, found by its pid. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Waits until it has printed this on stderr. */
  says(text: string): Promise<void>
  end(options?: RunOptions): Promise<{ code: number; result: RunResult; stderr: string }>
}

/** Starts `hdsync run`. */
async function begin(
  night: Night,
  {
    words = '',
    script = `echo $$ > /run/hdsync.pid; exec hdsync run ${words} --json`,
  }: { words?: string; script?: string } = {},
): Promise<Hdsync> {
  const running = await night.machine.start(script)
  return {
    running,
    async kill(signal) {
      await running.kill(signal, Number(await night.machine.ok('cat /run/hdsync.pid')))
    },
    async says(text) {
      for (const until = Date.now() + endTimeoutMs; Date.now() < until; await pause(20)) {
        if ((await running.output()).stderr.includes(text)) return
      }
      throw new Error(`it never said "${text}":\n${(await running.output()).stderr}`)
    },
    async end(options) {
      const { code, stdout, stderr } = await running.wait(options)
      if (!stdout.trim()) throw new Error(`exit ${code}, no result:\n${stderr}`)
      return { code, stderr, result: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RunResult }
    },
  }
}

async function expectCancelled(night: Night, hdsync: Hdsync, signal: 'SIGINT' | 'SIGTERM'): Promise<void> {
  const { code, result } = await hdsync.end({ timeoutMs: endTimeoutMs })
  expect(await aftermath(night)).toEqual(clean)
  expect(result).toMatchObject({ state: 'cancelled' })
  expect(code).toBe(signal === 'SIGINT' ? 130 : 143)
  expect(await shown(night)).toEqual(result)
}

async function shown(night: Night): Promise<RunResult> {
  return JSON.parse(await night.machine.ok('hdsync show --json'))
}

async function runs(night: Night): Promise<RunResult[]> {
  return JSON.parse(await night.machine.ok('hdsync runs --json'))
}

/** Waits until a script succeeds. */
async function until(night: Night, script: string): Promise<void> {
  await night.machine.ok(
    `for i in {1..600}; do { ${script}; } >/dev/null 2>&1 && exit; sleep 0.2; done; exit 1`,
  )
}

/** From now on a program is called with further options that slow it down, until it is told otherwise. */
async function slow(night: Night, program: string, ...options: string[]): Promise<() => Promise<void>> {
  const at = `/usr/local/sbin/${program}`
  await night.machine.ok(
    `printf '%s\\n' '#!/bin/sh' 'exec /usr/bin/${program} ${options.join(' ')} "$@"' > ${at}; chmod 755 ${at}`,
  )
  return async () => {
    await night.machine.ok(`rm ${at}`)
  }
}

/** Ends what a test has left running when it failed halfway, so that the next one begins afresh. */
async function letGo(night: Night): Promise<void> {
  await night.machine.ok(`
    pkill -KILL -f runtime/cli/main.ts
    rm -f ${programs.map((name) => `/usr/local/sbin/${name}`).join(' ')}
    for held in /run/hold-*; do touch $held/go; done; true`)
}

/** From now on each command that is run while those of this name from before live is noted in /run/overlap. */
async function watchOverlap(night: Night, program: string): Promise<void> {
  await night.machine.ok(`
    : > /run/overlap
    for pid in $(pgrep -x ${program}); do
      tests="$tests grep -qs '^State:.[RSDT]' /proc/$pid/status && echo \\"\${0##*/} \\$*\\" >> /run/overlap;"
    done
    for name in ${programs.join(' ')}; do
      real=$(PATH=/usr/sbin:/usr/bin command -v $name)
      printf '%s\\n' '#!/bin/bash' "$tests" "exec -a $name $real \\"\\$@\\"" > /usr/local/sbin/.$name
      chmod 755 /usr/local/sbin/.$name
      mv /usr/local/sbin/.$name /usr/local/sbin/$name
    done`)
}

async function runningOn(night: Night): Promise<string[]> {
  return words(await night.machine.ok(`ps -eo comm= | grep -xE 'hook|${programs.join('|')}' | sort -u`))
}

async function suspended(night: Night): Promise<string[]> {
  const list = await night.machine.ok('dmsetup info -c --noheadings --separator " " -o name,suspended')
  return list.split('\n').flatMap((line) => (/ Suspended/.test(line) ? [line.split(' ')[0] ?? ''] : []))
}

const clean = { suspended: [], running: [], snapshots: [], mounts: [], parts: [], broken: [] }

/** What a stop has left: nothing, if all is well. */
async function aftermath(night: Night): Promise<Record<keyof typeof clean, string[]>> {
  const found = await night.machine.ok(`
    PATH=/usr/sbin:/usr/bin
    dmsetup info -c --noheadings --separator ' ' -o name,suspended | sed -n 's/^\\(.*\\) Suspended$/suspended \\1/p'
    ps -eo comm= | grep -xE 'hook|node|${programs.join('|')}' | sed 's/^/running /'
    lvs --noheadings -o lv_full_name -S 'lv_name!~"^lv_"' | sed 's/^ */snapshots /'
    awk '$5 ~ "^/(run/hdsync|mnt/)" { print "mounts", $5 }' /proc/self/mountinfo
    grep -q ' /mnt/' /proc/mounts && exit
    mount /dev/ubdb /mnt/hdd1; mount /dev/ubdc /mnt/hdd9
    find /mnt -name '*.hdsync-part' -o -name '.*.??????' | sed 's/^/parts /'
    find /mnt/hdd9 -name '*.tar.zst' | while read -r file; do zstd -qt $file 2>&1 || echo broken $file; done
    umount /mnt/hdd1 /mnt/hdd9`)
  const after: Record<string, string[]> = structuredClone(clean)
  for (const line of found.split('\n').filter(Boolean)) {
    const [kind = '', ...rest] = line.split(' ')
    const list = after[kind]
    if (!list) throw new Error(`what is this? ${line}`)
    list.push(rest.join(' '))
  }
  return after as Record<keyof typeof clean, string[]>
}

/** Archives, each with its inode and its content's hash: another one in its place is told from the old one. */
async function archivesOn(night: Night): Promise<string[]> {
  return words(
    await night.machine.ok(`
      mount /dev/ubdc /mnt/hdd9
      find /mnt/hdd9 -name '*.tar*' -printf '%p:%i:' -exec sh -c 'sha256sum < {} | cut -c1-16' \\;
      umount /mnt/hdd9`),
  )
}

async function expectMirrors(night: Night, ...sources: string[]): Promise<void> {
  await night.machine.ok('mount /dev/ubdb /mnt/hdd1')
  try {
    for (const source of sources) {
      expect(await fingerprint(night.machine, `/mnt/hdd1/${source}`)).toBe(
        await fingerprint(night.machine, `/srv/${source}`),
      )
    }
  } finally {
    await night.machine.ok('umount /mnt/hdd1')
  }
}

/** What SQLite itself thinks of the event store. */
function integrity(night: Night): Promise<string> {
  return night.machine.ok(`node -e '
    const { DatabaseSync } = require("node:sqlite")
    const store = new DatabaseSync("/srv/state/hdsync/hdsync.db")
    const rows = [...store.prepare("PRAGMA integrity_check").all(), ...store.prepare("PRAGMA foreign_key_check").all()]
    console.log(rows.map((row) => Object.values(row).join(" ")).join("\\n"))'`)
}

/** From now on lvcreate stops after it has suspended lv_var, until there is a file /run/stuck/go. */
async function installStuckLvcreate(night: Night): Promise<void> {
  writeFileSync(
    join(night.machine.dir, 'stuck.c'),
    `#define _GNU_SOURCE
    #include <fcntl.h>
    #include <linux/dm-ioctl.h>
    #include <stdarg.h>
    #include <sys/ioctl.h>
    #include <sys/stat.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    int ioctl(int fd, unsigned long request, ...)
    {
      va_list rest;
      va_start(rest, request);
      struct dm_ioctl *command = va_arg(rest, void *);
      va_end(rest);
      struct stat live;
      int suspends = request == DM_DEV_SUSPEND && command->flags & DM_SUSPEND_FLAG &&
        !stat("/dev/mapper/vg01-lv_var", &live) && command->dev == live.st_rdev;
      int result = syscall(SYS_ioctl, fd, request, command);
      if (suspends && result == 0) {
        close(open("/run/stuck/suspended", O_CREAT | O_WRONLY, 0600));
        while (access("/run/stuck/go", F_OK)) usleep(50000);
      }
      return result;
    }`,
  )
  await night.machine.ok(`
    mkdir -p /run/stuck
    rm -f /run/stuck/go /run/stuck/suspended
    [ -e /run/stuck/stuck.so ] || gcc -shared -fPIC -O2 -o /run/stuck/stuck.so /run/lab/stuck.c
    printf '%s\\n' '#!/bin/bash' 'export LD_PRELOAD=/run/stuck/stuck.so' 'exec -a lvcreate /usr/sbin/lvm "$@"' \
      > /usr/local/sbin/lvcreate
    chmod 755 /usr/local/sbin/lvcreate`)
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean).sort()
}
