import { beforeAll, expect, it } from 'vitest'
import { hold } from '../lab/hold.ts'
import { leftovers } from '../lab/servers.ts'
import { ended, expectMirrored, gone, post, shown } from './backups.ts'
import { describeServer } from './story.ts'
import { firstSession, pattern } from './transcript.ts'

describeServer('hdsync on a server', (server) => {
  let filesBefore: string[]
  beforeAll(async () => {
    filesBefore = await server.files()
  })

  /** To pack /usr takes the machine minutes, and shows nothing that the rest of the root does not. Nightly it is packed. */
  async function withoutUsr(): Promise<void> {
    const line = '^ *- /tmp/[*]$'
    await server.ok(
      `sed -i '\\%${line}%{p;s%/tmp/[*]%/usr/%}' /etc/hdsync/hdsync.yaml; grep -q '^ *- /usr/$' /etc/hdsync/hdsync.yaml`,
    )
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
      if (command.startsWith('hdsync init')) await withoutUsr()
    }
    expect(await shown(server)).toMatchObject({ state: 'succeeded', sources: [{}, {}, {}] })
    await expectMirrored(server, 'var')
    await expectMirrored(server, 'home')
    expect(await server.ok('systemctl --failed --no-legend; systemctl is-enabled hdsync-backup.timer')).toBe(
      'enabled',
    )
  })

  it('is not there at all when there is nothing to do', async () => {
    await server.configure('hdsync.service', await server.shorterIdleTime())
    await server.ok('systemctl restart hdsync.service; hdsync runs')
    await gone(server)
    expect((await server.machine.run('pgrep -fa hdsync')).stdout).toBe('')
    expect(
      await server.ok('systemctl is-active hdsync.socket; systemctl is-failed hdsync.service || true'),
    ).toBe('active\ninactive')
  })

  it('makes the night when the clock comes to it', async () => {
    // A jump past the moment would put it off: systemd counts from the boot then, as the new clock has it.
    await server.configure('hdsync-backup.timer', 'AccuracySec=1s\nRandomizedDelaySec=0', 'Timer')
    await server.ok(`echo night > /srv/var/night; systemctl restart hdsync-backup.timer
      next=$(date -d "$(systemctl show -P NextElapseUSecRealtime hdsync-backup.timer)" +%s)
      date -s "@$((next - 3))"`)
    await server.until(
      '[ "$(systemctl show -P ExecMainExitTimestampMonotonic hdsync-backup.service)" -gt 0 ]',
      600_000,
    )
    expect(await shown(server)).toMatchObject({ state: 'succeeded', sources: [{}, {}, {}] })
    expect(
      await server.ok(
        'systemctl show -P Result hdsync-backup.service; systemctl is-active hdsync-backup.timer',
      ),
    ).toBe('success\nactive')
    await expectMirrored(server, 'var')
    await expectMirrored(server, 'home')
  })

  it('is killed when it hangs, and the next one puts in order what it left', async () => {
    await server.configure('hdsync.service', `${await server.shorterIdleTime()}\nWatchdogSec=20s`)
    await gone(server)
    await server.ok('date > /srv/home/changed')
    const rsync = await hold(server.machine, 'rsync', '*/mnt/backup/home/*')
    const run = await post(server, 'home')
    await rsync.reached()
    await server.ok('kill -STOP $(systemctl show -P MainPID hdsync.service)')
    await server.until('[ "$(systemctl show -P NRestarts hdsync.service)" = 1 ]', 400_000)
    await rsync.go()
    expect(await ended(server, run)).toMatchObject({ state: 'failed', sources: [{ source: 'home' }] })
    expect(await server.ok('journalctl -q -u hdsync | grep -c "Watchdog timeout"')).toBe('1')
    expect((await leftovers(server.machine)).snapshots).toEqual([])
    await server.configure('hdsync.service', await server.shorterIdleTime())
  })

  it('leaves nothing but the backups when it is purged', async () => {
    await server.ok('rm -rf /etc/systemd/system/hdsync*.d; apt-get purge -qq -y hdsync')
    expect(await server.files()).toEqual(filesBefore)
    expect(await server.ok("systemctl daemon-reload; systemctl list-units --all --no-legend 'hdsync*'")).toBe(
      '',
    )
    expect(await server.ok('ls /mnt/backup')).toContain('home')
    expect((await server.machine.run('pgrep -fa hdsync')).stdout).toBe('')
  })
})
