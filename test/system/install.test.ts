import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RunResult } from '../../events/index.ts'
import { fingerprint } from '../lab/fingerprint.ts'
import { hold } from '../lab/hold.ts'
import { scratchFolder } from '../lab/machine.ts'
import { leftovers, oddFiles } from '../lab/servers.ts'
import { debianPackages } from './package.ts'
import { systemAvailable } from './root.ts'
import { SystemServer } from './server.ts'
import { firstSession, pattern } from './transcript.ts'

const available = systemAvailable()
const socket = '/run/hdsync/hdsync.sock'

// One story on one server: each test begins where the one before ended.
describe.skipIf(!available.ok)(`hdsync on a server${available.ok ? '' : ` (${available.why})`}`, () => {
  const server = new SystemServer()
  let filesBefore: string[]

  beforeAll(async () => {
    const [{ now, later }] = await Promise.all([debianPackages(scratchFolder()), server.build()])
    copyFileSync(now, join(server.machine.dir, 'hdsync.deb'))
    copyFileSync(later, join(server.machine.dir, 'later.deb'))
    await server.ok('cp /run/lab/hdsync.deb /root/')
    await server.ok(`${oddFiles('/srv/var/odd')}\n${oddFiles('/srv/home/odd')}`)
    // Reiserfs keeps the mode that setfacl gives a file in memory, and out of snapshots, until something else changes it.
    await server.ok('chmod 664 /srv/var/odd/mail/cur/2')
    filesBefore = await server.files()
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') console.error(await server.journal())
  })
  afterAll(() => server.cutPower())

  const result = async (run = 'last'): Promise<RunResult> =>
    lastLine(await server.ok(`hdsync show ${run} --json`))
  const gone = () => server.until('[ "$(systemctl is-active hdsync.service)" = inactive ]', 400_000)
  const post = async (data: object): Promise<{ run: string }> => {
    const event = { specversion: '1.0', id: crypto.randomUUID(), source: '/test', type: 'backup.start', data }
    return lastLine(
      await server.ok(
        `curl -sSf --unix-socket ${socket} -H 'content-type: application/cloudevents+json' -d '${JSON.stringify(event)}' http://localhost/events`,
      ),
    )
  }
  // By curl: to start hdsync again and again would slow down what is waited for.
  const ended = (run: string) =>
    server.until(
      `curl -sS --max-time 20 --unix-socket ${socket} http://localhost/runs/${run} |
        grep -Ev '^.{0,40}"state":"(queued|running)"' | grep -q '"state":'`,
      600_000,
    )
  const mirrored = async (source: string) => {
    const [mirror, live] = [`/mnt/backup/${source}`, `/srv/${source}`].map((folder) =>
      fingerprint(server.machine, folder, { wholeSeconds: true }),
    )
    expect(await mirror).toBe(await live)
  }

  it('has systemd as process 1, and udev, which finds volumes and file systems by their names', async () => {
    expect(
      await server.ok('cat /proc/1/comm; systemctl is-system-running; systemctl --failed --no-legend'),
    ).toBe('systemd\nrunning')
    expect(await server.ok('readlink -f /dev/disk/by-id/dm-name-vg01-lv_home')).toBe(
      await server.ok('readlink -f /dev/vg01/lv_home'),
    )
    expect(await server.ok('readlink -f /dev/disk/by-uuid/$(findmnt -no UUID /mnt/backup)')).toBe('/dev/vdb')
  })

  it('has a good backup after the four commands of the README', async () => {
    const session = firstSession()
    expect(session.length).toBeGreaterThan(0)
    expect(session.length).toBeLessThanOrEqual(4)
    for (const { command, output } of session) {
      const { code, stdout } = await server.machine.run(`exec 2>&1; cd /root; ${command}`, {
        timeoutMs: 900_000,
      })
      expect([code, stdout], command).toEqual([0, expect.any(String)])
      if (process.env.HDSYNC_TRANSCRIPT) console.log(`# ${command}\n${stdout}`)
      expect(stdout.split('\n').map(pattern), stdout).toEqual(expect.arrayContaining(output.map(pattern)))
    }
    expect(await result()).toMatchObject({ state: 'succeeded', sources: [{}, {}, {}] })
    await mirrored('var')
    await mirrored('home')
    expect(await server.ok('systemctl --failed --no-legend; systemctl is-enabled hdsync-backup.timer')).toBe(
      'enabled',
    )
  })

  it('is not there at all when there is nothing to do', async () => {
    await server.configure('hdsync.service', await server.shorterIdleTime())
    await server.ok('systemctl restart hdsync.service; hdsync runs')
    await gone()
    expect((await server.machine.run('pgrep -fa hdsync')).stdout).toBe('')
    expect(
      await server.ok('systemctl is-active hdsync.socket; systemctl is-failed hdsync.service || true'),
    ).toBe('active\ninactive')
  })

  it('is woken by its socket, does what it is asked for, and leaves, again and again', async () => {
    await server.ok('echo asked > /srv/home/asked')
    const { run } = await post({ sources: ['home'] })
    await ended(run)
    expect(await result(run)).toMatchObject({ state: 'succeeded', sources: [{ source: 'home' }] })
    expect(await server.ok('cat /mnt/backup/home/asked')).toBe('asked')
    await gone()
    await server.ok(`curl -sSf --unix-socket ${socket} http://localhost/healthz`)
    await gone()
    expect(await server.ok('systemctl is-active hdsync.socket')).toBe('active')
  })

  it('makes the night when the clock comes to it', async () => {
    // A jump past the moment would put it off: systemd counts from the boot then, as the new clock has it.
    await server.configure('hdsync-backup.timer', 'AccuracySec=1s\nRandomizedDelaySec=0', 'Timer')
    await server.ok(`echo night > /srv/var/night; systemctl restart hdsync-backup.timer
      date -s "$(date +%F) 23:59:57"`)
    await server.until(
      '[ "$(systemctl show -P ExecMainExitTimestampMonotonic hdsync-backup.service)" -gt 0 ]',
      600_000,
    )
    expect(await result()).toMatchObject({ state: 'succeeded', sources: [{}, {}, {}] })
    expect(
      await server.ok(
        'systemctl show -P Result hdsync-backup.service; systemctl is-active hdsync-backup.timer',
      ),
    ).toBe('success\nactive')
    await mirrored('var')
    await mirrored('home')
  })

  it('is killed when it hangs, and the next one puts in order what it left', async () => {
    await server.configure('hdsync.service', `${await server.shorterIdleTime()}\nWatchdogSec=20s`)
    await gone()
    await server.ok('date > /srv/home/changed')
    const rsync = await hold(server.machine, 'rsync', '*/mnt/backup/home/*')
    const { run } = await post({ sources: ['home'] })
    await rsync.reached()
    await server.ok('kill -STOP $(systemctl show -P MainPID hdsync.service)')
    await server.until('[ "$(systemctl show -P NRestarts hdsync.service)" = 1 ]', 400_000)
    await rsync.go()
    await ended(run)
    expect(await result(run)).toMatchObject({ state: 'failed', sources: [{ source: 'home' }] })
    expect(await server.ok('journalctl -q -u hdsync | grep -c "Watchdog timeout"')).toBe('1')
    expect((await leftovers(server.machine)).snapshots).toEqual([])
    await server.configure('hdsync.service', await server.shorterIdleTime())
  })

  it('tells a hook when a unit of it fails', async () => {
    await gone()
    await server.ok(`printf '#!/bin/sh\\ncat >> /var/log/told\\n' > /usr/local/bin/tell; chmod 755 /usr/local/bin/tell
      printf 'notify:\\n  - { exec: [/usr/local/bin/tell], on: [unit.failed] }\\n' >> /etc/hdsync/hdsync.yaml
      mv /mnt/backup/.hdsync-target /mnt/backup/not-that-disk`)
    expect((await server.machine.run('systemctl start hdsync-backup.service')).code).not.toBe(0)
    await server.until('grep -q unit.failed /var/log/told')
    expect(lastLine(await server.ok('cat /var/log/told'))).toMatchObject({
      type: 'unit.failed',
      data: { unit: 'hdsync-backup.service', result: 'exit-code', exitStatus: '1' },
    })
    await server.ok('mv /mnt/backup/not-that-disk /mnt/backup/.hdsync-target; systemctl reset-failed')
  })

  it('tells a hook that the daemon does not stand any more, in its place', async () => {
    await gone()
    await server.ok(': > /var/log/told')
    await server.configure('hdsync.service', 'ExecStart=\nExecStart=/bin/false\nRestartSec=200ms')
    expect((await server.machine.run('systemctl start hdsync.service')).code).not.toBe(0)
    await server.until('grep -q hdsync.service /var/log/told')
    expect(lastLine(await server.ok('cat /var/log/told'))).toMatchObject({
      type: 'unit.failed',
      data: { unit: 'hdsync.service', exitStatus: '1' },
    })
    await server.configure('hdsync.service', await server.shorterIdleTime())
    await server.ok('systemctl stop hdsync.service; systemctl reset-failed; systemctl restart hdsync.socket')
  })

  it('loses nothing when it is upgraded in the middle of a run', async () => {
    await server.ok('echo upgraded > /srv/home/upgraded')
    const config = await server.ok('cat /etc/hdsync/hdsync.yaml')
    const before = lastLine<RunResult[]>(await server.ok('hdsync runs --json'))
    const rsync = await hold(server.machine, 'rsync', '*/mnt/backup/home/*')
    const { run } = await post({ sources: ['home'] })
    await rsync.reached()
    await server.ok('dpkg -i /run/lab/later.deb')
    await rsync.go()
    await ended(run)
    expect(await result(run)).toMatchObject({
      state: 'succeeded',
      sources: [{ source: 'home', mountTrials: 1 }],
    })
    expect(await server.ok('cat /mnt/backup/home/upgraded')).toBe('upgraded')
    expect(await server.ok('cat /etc/hdsync/hdsync.yaml')).toBe(config)
    expect(lastLine<RunResult[]>(await server.ok('hdsync runs --json')).slice(1)).toEqual(before)
    await gone()
    expect(await server.ok('dpkg -s hdsync | grep ^Version')).toMatch(/later$/)
  })

  it('knows an orderly shutdown from a power cut, after which it compares contents', async () => {
    const noted = () => server.ok("cut -d ' ' -f 1 /var/lib/hdsync/boots | xargs")
    const compares = async () => {
      const { run } = await post({ sources: ['home'] })
      await ended(run)
      expect(await result(run)).toMatchObject({ state: 'succeeded' })
      return (await server.ok(`hdsync show ${run} --commands`)).includes('--checksum')
    }
    // It was moved for the night, and a boot puts it back: a copy by the right clock comes before.
    await server.ok(`date -s @${Math.floor(Date.now() / 1000)}`)
    await compares()
    await server.powerOff()
    await server.boot()
    expect(await noted()).toBe('up down up')
    expect(await compares()).toBe(false)
    await server.cutPower()
    await server.boot()
    expect(await noted()).toBe('up down up up')
    expect(await compares()).toBe(true)
  })

  it('leaves nothing but the backups when it is purged', async () => {
    await server.ok('rm -rf /etc/systemd/system/hdsync*.d /usr/local/bin/tell; apt-get purge -qq -y hdsync')
    expect(await server.files()).toEqual(filesBefore)
    expect(await server.ok("systemctl daemon-reload; systemctl list-units --all --no-legend 'hdsync*'")).toBe(
      '',
    )
    expect(await server.ok('ls /mnt/backup')).toContain('home')
    expect((await server.machine.run('pgrep -fa hdsync')).stdout).toBe('')
  })
})

function lastLine<T>(text: string): T {
  return JSON.parse(text.trim().split('\n').at(-1) ?? '') as T
}
