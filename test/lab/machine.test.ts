import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprint } from './fingerprint.ts'
import { lab2002 } from './lab2002.ts'
import { writeLoad } from './load.ts'
import { boot, labAvailable, type Machine, makeDisk, scratchFolder } from './machine.ts'
import { buildServer, leftovers, mountVolumes, oddFiles, type Server } from './servers.ts'

const lab = labAvailable()
const mib = 2 ** 20

const server: Server = {
  pool: '200M',
  volumes: [
    { name: 'lv_mail', fs: 'reiserfs', size: '100M', at: '/srv/mail' },
    { name: 'lv_var', fs: 'ext3', size: '64M', at: '/srv/var' },
    { name: 'lv_home', fs: 'ext4', size: '64M', at: '/srv/home' },
    { name: 'lv_big', fs: 'xfs', size: '320M', at: '/srv/big' },
    { name: 'lv_old', fs: 'ext2', size: '32M', at: '/srv/old' },
    { name: 'lv_thin', fs: 'ext4', size: '64M', at: '/srv/thin', thin: true },
  ],
}
const copy: Server = {
  disk: '/dev/vdb',
  group: 'vg02',
  volumes: [{ name: 'copy', fs: 'ext4', size: '100M', at: '/srv/copy' }],
}

/** Takes a snapshot, tries to mount it, drops it; prints "mounted" or "refused". */
const trial = (origin: string, options = '') => `
  lvcreate -q -y -s -L 16M --permission rw -n snap vg01/${origin} >/dev/null || exit 9
  if mount -o ro${options} /dev/vg01/snap /mnt 2>/dev/null; then umount /mnt; echo mounted; else echo refused; fi
  lvremove -q -f vg01/snap >/dev/null`

describe.skipIf(!lab.ok)(`the lab machine${lab.ok ? '' : ` (${lab.why})`}`, () => {
  let machine: Machine
  let disk: string

  beforeAll(async () => {
    const dir = scratchFolder()
    disk = await makeDisk(dir, 'disk', 1200 * mib)
    machine = await boot({ disks: [disk, await makeDisk(dir, 'copy', 200 * mib)] })
    await machine.ok([buildServer(server), buildServer(copy)].join('\n'))
  })
  afterAll(() => machine?.cutPower())

  it('runs scripts as root and tells how they ended', async () => {
    expect(await machine.run('id -u; echo oops >&2; exit 3')).toEqual({
      code: 3,
      stdout: '0\n',
      stderr: 'oops\n',
    })
    expect((await machine.run('kill -KILL $$')).code).toBe(137)
  })

  it('runs scripts side by side', async () => {
    const slow = await machine.start('echo begun; sleep 100; echo ended')
    await expect.poll(() => slow.output()).toEqual({ stdout: 'begun\n', stderr: '' })
    await expect(machine.ok('echo other')).resolves.toBe('other')
    await slow.kill('SIGKILL')
    await expect(slow.wait()).resolves.toEqual({ code: 137, stdout: 'begun\n', stderr: '' })
    expect(await machine.ok('pgrep -c sleep || true')).toBe('0')
  })

  it('signals a single process', async () => {
    const job = await machine.start('sleep 100 & echo $!; wait $!; echo $?')
    await expect.poll(async () => (await job.output()).stdout).toMatch(/\d+\n/)
    await job.kill('SIGUSR1', Number((await job.output()).stdout))
    expect((await job.wait()).stdout).toMatch(/\n138\n$/)
  })

  it('stops a script that takes too long, with all it started', async () => {
    await expect(machine.run('echo begun; sleep 100; :', { timeoutMs: 3000 })).rejects.toThrow(
      /still running after 3000 ms:\n.*\nbegun/s,
    )
    expect(await machine.ok('pgrep -c sleep || true')).toBe('0')
  })

  it('loses a script when the power is cut', async () => {
    const other = await boot({ app: false })
    const script = await other.start('sleep 100')
    await other.cutPower()
    await expect(script.wait()).rejects.toThrow('the lab machine went off')
    await expect(other.run('true')).rejects.toThrow('the lab machine is off')
  })

  it('says why it does not come up', async () => {
    await expect(boot({ app: false, memory: '1M' })).rejects.toThrow(
      /did not come up:\n.*initrd is too large/,
    )
    await expect(boot({ app: false, disks: ['/no/disk'] })).rejects.toThrow('no disk /no/disk')
  })

  it('has the modules that fault injection needs', async () => {
    const targets = await machine.ok('dmsetup targets')
    for (const target of ['snapshot', 'thin-pool', 'flakey', 'delay', 'error'])
      expect(targets).toContain(target)
  })

  it('has the checkout and its Node at /opt/hdsync', async () => {
    expect(await machine.ok('ls -d /opt/hdsync/{events,functions,runtime}')).toContain('runtime')
    expect(await machine.ok('command -v hdsync')).toBe('/usr/local/bin/hdsync')
    expect(await machine.ok('node -p process.version')).toBe(process.version)
    expect(
      await machine.ok(
        'cd /opt/hdsync && node -e "import(\'zod\').then(({ z }) => console.log(typeof z.string))"',
      ),
    ).toBe('function')
  })

  it.each(server.volumes)('brings back every file of an rsync from $fs ($name)', async ({ at, fs }) => {
    const wholeSeconds = fs !== 'ext4' && fs !== 'xfs'
    await machine.ok(oddFiles(`${at}/odd`))
    const before = await fingerprint(machine, `${at}/odd`, { wholeSeconds })
    expect(before).toMatch(/"\.\/new\\nline" f 644 0:0 size=4 .* [0-9a-f]{64}\n/)
    expect(before).toContain('links=3:"./deep/er/linked"')
    expect(before).toMatch(/user\.bytes=0x00ff0a\n/)
    expect(before).toMatch(/user:1234:rw-/)

    await machine.ok(`rm -rf /srv/copy/odd && rsync -aHAXS --numeric-ids ${at}/odd/ /srv/copy/odd/`)
    expect(await fingerprint(machine, '/srv/copy/odd', { wholeSeconds })).toBe(before)

    await machine.ok('setfacl -m u:1:r /srv/copy/odd/mail/cur/2')
    expect(await fingerprint(machine, '/srv/copy/odd', { wholeSeconds })).not.toBe(before)
  })

  it('finds what a backup left behind', async () => {
    expect(await leftovers(machine)).toEqual({ snapshots: [], mounts: [] })
    await machine.ok(`
      lvcreate -q -s -L 8M -n snap_home vg01/lv_home
      lvcreate -q -s -kn -n snap_thin vg01/lv_thin
      mkdir -p /run/hdsync/home && mount -o ro /dev/vg01/snap_home /run/hdsync/home`)
    expect(await leftovers(machine)).toEqual({
      snapshots: ['vg01/snap_home', 'vg01/snap_thin'],
      mounts: ['/run/hdsync/home'],
    })
    await machine.ok('umount /run/hdsync/home && lvremove -q -f vg01/snap_home vg01/snap_thin')
  })

  describe('in 2002', () => {
    const refusal = {
      lv_mail: 'journal_read_transaction: device is readonly, unable to replay log',
      lv_var: 'write access unavailable, cannot proceed',
    }

    it.each(Object.entries(refusal))(
      'mounts no snapshot of busy %s now and then, and any today',
      async (origin, why) => {
        const at = server.volumes.find(({ name }) => name === origin)?.at ?? ''
        const stop = await writeLoad(machine, at)
        const present = await lab2002(machine)
        await machine.ok('dmesg -C')
        const then: string[] = []
        while (then.length < 10 && !then.includes('refused')) then.push(await machine.ok(trial(origin)))
        expect(then).toContain('refused')
        expect(await machine.ok('dmesg')).toContain(why)

        await present()
        for (let night = 0; night < 3; night++) expect(await machine.ok(trial(origin))).toBe('mounted')
        await stop()
      },
    )

    it('can end after the first trials, and spare others', async () => {
      const stop = await writeLoad(machine, '/srv/var', '/srv/home')
      const present = await lab2002(machine, { first: 2, only: 'lv_var' })
      const trials = [trial('lv_home'), trial('lv_var'), trial('lv_var'), trial('lv_var')]
      expect(await machine.ok(trials.join('\n'))).toBe('mounted\nrefused\nrefused\nmounted')
      await present()
      await stop()
    })

    it('changes nothing but snapshots', async () => {
      const present = await lab2002(machine)
      await machine.ok('lvcreate -q -L 8M -p rw -n plain vg01')
      expect(await machine.ok('lvs --noheadings -o lv_permissions vg01/plain')).toContain('writeable')
      await machine.ok('lvremove -q -f vg01/plain')
      expect((await machine.run('lvcreate --version')).stdout).toContain('LVM version')
      await present()
      expect(await machine.ok('readlink /usr/sbin/lvcreate')).toBe('lvm')
    })
  })

  it('finds its disks again after the power was cut', async () => {
    const stop = await writeLoad(machine, '/srv/mail', '/srv/var', '/srv/home', '/srv/big')
    await machine.ok(
      'lvcreate -q -s -L 8M -n snap_home vg01/lv_home; echo kept > /srv/home/kept; sync; sleep 0.5',
    )
    expect(machine.console()).toContain('REISERFS')
    await machine.cutPower()
    await stop()

    machine = await boot({ disks: [disk] })
    await machine.ok(mountVolumes(server))
    expect(await machine.ok('cat /srv/home/kept')).toBe('kept')
    expect(await machine.ok('dmesg')).toMatch(/EXT4-fs \(dm-\d+\): recovery complete/)
    expect((await leftovers(machine)).snapshots).toEqual(['vg01/snap_home'])
  })

  it('is quiet on its disks after it was powered off', async () => {
    await machine.powerOff()
    machine = await boot({ disks: [disk], app: false })
    await machine.ok(mountVolumes(server))
    expect(await machine.ok('dmesg')).not.toContain('recovery complete')
  })
})
