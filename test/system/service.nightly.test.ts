import { beforeAll, expect, it } from 'vitest'
import type { RunResult } from '../../events/index.ts'
import { hold } from '../lab/hold.ts'
import { ended, gone, lastLine, post, socket } from './backups.ts'
import { describeServer } from './story.ts'
import { firstSession } from './transcript.ts'

describeServer('the service', (server) => {
  beforeAll(async () => {
    for (const { command } of firstSession()) {
      const { code, stdout } = await server.machine.run(`exec 2>&1; cd /root; ${command}`, {
        timeoutMs: 900_000,
      })
      expect(code, stdout).toBe(0)
    }
    await server.configure('hdsync.service', await server.shorterIdleTime())
    await server.ok('systemctl restart hdsync.service')
  })

  it('knows an orderly shutdown from a power cut, after which it compares contents', async () => {
    const noted = () => server.ok("cut -d ' ' -f 1 /var/lib/hdsync/boots | xargs")
    const compares = async () => {
      const run = await post(server, 'home')
      expect(await ended(server, run)).toMatchObject({ state: 'succeeded' })
      return (await server.ok(`hdsync show ${run} --commands`)).includes('--checksum')
    }
    await server.powerOff()
    await server.boot()
    expect(await noted()).toBe('up down up')
    expect(await compares()).toBe(false)
    await server.cutPower()
    await server.boot()
    expect(await noted()).toBe('up down up up')
    expect(await compares()).toBe(true)
  })

  it('gives a function its turn when its schedule says so after a boot, though nobody asks for anything', async () => {
    await server.ok(`mkdir -p /etc/systemd/system/hdsync-schedules.timer.d /etc/hdsync/functions
      printf '[Timer]\\nOnBootSec=\\nOnBootSec=15s\\n' > /etc/systemd/system/hdsync-schedules.timer.d/sooner.conf
      # JavaScript: the Node of this machine only interprets, and strips no types.
      cat > /etc/hdsync/functions/tick.js <<'E'
import { defineFunction } from 'hdsync'
export default defineFunction({
  schedule: 'every 1m',
  emits: [],
  async run(_, { host }) {
    await host.program({ argv: ['touch', '/run/ticked'], timeoutMs: 60_000 })
  },
})
E`)
    await server.powerOff()
    await server.boot()
    await server.until('test -e /run/ticked')
    // From then on by the timer that the daemon has made when it left.
    await gone(server)
    await server.ok('systemctl is-active hdsync-wake.timer; rm /run/ticked')
    await server.until('test -e /run/ticked')
    await server.ok('rm /etc/hdsync/functions/tick.js')
    await gone(server)
  })

  it('is woken by its socket, does what it is asked for, and leaves, again and again', async () => {
    await server.ok('echo asked > /srv/home/asked')
    const run = await post(server, 'home')
    expect(await ended(server, run)).toMatchObject({ state: 'succeeded', sources: [{ source: 'home' }] })
    expect(await server.ok('cat /mnt/backup/home/asked')).toBe('asked')
    await gone(server)
    await server.ok(`curl -sSf --unix-socket ${socket} http://localhost/healthz`)
    await gone(server)
    expect(await server.ok('systemctl is-active hdsync.socket')).toBe('active')
  })

  it('brings back what its sandbox has read-only, and takes that back', async () => {
    const look = 'stat -c "%a %u %g %s %y" /etc/fstab; cat /etc/fstab'
    const was = await server.ok(look)
    await server.ok('rm /etc/fstab; hdsync restore /etc/fstab --in-place --yes -q')
    expect(await server.ok(look)).toBe(was)
    await server.ok('hdsync restore --undo last -q; test ! -e /etc/fstab; hdsync restore --undo last -q')
    expect(await server.ok(look)).toBe(was)
  })

  it('tells a hook when a unit of it fails', async () => {
    await gone(server)
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
    await gone(server)
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
    const run = await post(server, 'home')
    await rsync.reached()
    await server.ok('dpkg -i /run/lab/later.deb')
    await rsync.go()
    expect(await ended(server, run)).toMatchObject({
      state: 'succeeded',
      sources: [{ source: 'home', mountTrials: 1 }],
    })
    expect(await server.ok('cat /mnt/backup/home/upgraded')).toBe('upgraded')
    expect(await server.ok('cat /etc/hdsync/hdsync.yaml')).toBe(config)
    expect(lastLine<RunResult[]>(await server.ok('hdsync runs --json')).slice(1)).toEqual(before)
    await gone(server)
    expect(await server.ok('dpkg -s hdsync | grep ^Version')).toMatch(/later$/)
  })
})
