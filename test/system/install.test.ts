import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunResult } from '../../events/index.ts'
import { fingerprint } from '../lab/fingerprint.ts'
import { hold } from '../lab/hold.ts'
import { oddFiles } from '../lab/servers.ts'
import { debianPackage } from './package.ts'
import { systemAvailable } from './root.ts'
import { SystemServer } from './server.ts'

const available = systemAvailable()

/** Every file but those that any installation or any night changes: dpkg's and apt's books, logs, mirrors. */
const everyFile =
  "find / -xdev \\( -path /var/lib/dpkg -o -path /var/cache/apt -o -path /var/cache/debconf -o -path /var/cache/ldconfig -o -path /var/log -o -path /root/hdsync.deb -o -path /var/lib/systemd/timers -o -path /var/lib/apt -o -path '/tmp/*' -o -path '/var/tmp/*' \\) -prune -o -print | sort"

// One story on one server: each test begins where the one before ended.
describe.skipIf(!available.ok)(`hdsync on a server${available.ok ? '' : ` (${available.why})`}`, () => {
  const server = new SystemServer()
  let filesBefore: string

  beforeAll(async () => {
    const [{ first, second }] = await Promise.all([debianPackage(), server.build()])
    copyFileSync(first, join(server.machine.dir, 'hdsync.deb'))
    copyFileSync(second, join(server.machine.dir, 'next.deb'))
    await server.ok('cp /run/lab/hdsync.deb /root/')
    await server.ok(`${oddFiles('/srv/var/odd')}\n${oddFiles('/srv/home/odd')}`)
    filesBefore = await server.ok(everyFile)
  })
  afterAll(() => server.cutPower())

  const lastRun = async (): Promise<RunResult> =>
    JSON.parse((await server.ok('hdsync show last --json')).trim().split('\n').at(-1) ?? '')

  it('is installed by apt, with what it needs', async () => {
    await server.ok('cd /root; apt-get install -qq -y ./hdsync.deb')
    expect(await server.ok('hdsync --version')).toMatch(/^\d+\.\d+\.\d+/)
    expect(await server.ok('systemctl --failed --no-legend')).toBe('')
  })

  it('backs up the first night by hand', async () => {
    writeFileSync(
      join(server.machine.dir, 'hdsync.yaml'),
      `
sources:
  var: { lv: vg01/lv_var, target: backup }
  home: { lv: vg01/lv_home, target: backup }
targets:
  backup: { path: /mnt/backup, mounts: [{ device: /dev/ubdb, at: /mnt/backup }] }
archive: { target: backup }
`,
    )
    await server.ok(
      'install -D -m 644 /run/lab/hdsync.yaml /etc/hdsync/hdsync.yaml; hdsync target adopt backup; hdsync run',
    )
    expect(await lastRun()).toMatchObject({ state: 'succeeded' })
  })

  it('wakes at night, when the clock comes to it', async () => {
    await server.ok(
      'systemctl enable -q --now hdsync-backup.timer; echo new > /srv/var/odd/new; date -s "tomorrow 00:00"',
    )
    await server.until('[ "$(hdsync runs --json | grep -c succeeded)" = 2 ]', 120_000)
    for (const source of ['var', 'home']) {
      expect(await fingerprint(server.machine, `/mnt/backup/${source}/odd`, { wholeSeconds: true })).toBe(
        await fingerprint(server.machine, `/srv/${source}/odd`, { wholeSeconds: true }),
      )
    }
  })

  it('loses nothing when it is upgraded in the middle of a run', async () => {
    const rsync = await hold(server.machine, 'rsync')
    await server.ok('systemctl start --no-block hdsync-backup.service')
    await rsync.reached()
    await server.ok('dpkg -i /run/lab/next.deb')
    await rsync.go()
    await server.until('[ "$(hdsync runs --json | grep -c succeeded)" = 3 ]', 120_000)
  })

  it('leaves nothing but the backups when it is purged', async () => {
    await server.ok('apt-get purge -qq -y hdsync; systemctl daemon-reload')
    expect((await server.ok(everyFile)).split('\n')).toEqual(filesBefore.split('\n'))
  })
})
