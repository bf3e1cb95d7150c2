import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprint } from './fingerprint.ts'
import { boot, labAvailable, type Machine, makeDisk, scratchFolder } from './machine.ts'
import { buildServer, leftovers, oddFiles, type Server } from './servers.ts'

const lab = labAvailable()
const mib = 2 ** 20

const server: Server = {
  pool: '100M',
  volumes: [
    { name: 'lv_home', fs: 'ext4', size: '64M', at: '/srv/home' },
    { name: 'lv_old', fs: 'ext2', size: '32M', at: '/srv/old' },
    { name: 'lv_thin', fs: 'ext4', size: '64M', at: '/srv/thin', thin: true },
  ],
}
const copy: Server = {
  disk: '/dev/vdb',
  group: 'vg02',
  volumes: [{ name: 'copy', fs: 'ext4', size: '100M', at: '/srv/copy' }],
}

describe.skipIf(!lab.ok)(`the lab machine${lab.ok ? '' : ` (${lab.why})`}`, () => {
  let machine: Machine

  beforeAll(async () => {
    const dir = scratchFolder()
    const disks = [await makeDisk(dir, 'disk', 400 * mib), await makeDisk(dir, 'copy', 200 * mib)]
    machine = await boot({ disks })
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

  // Of other file systems night.test.ts tells it.
  it.each(server.volumes)('brings back every file of an rsync from $fs ($name)', async ({ at, fs }) => {
    const wholeSeconds = fs !== 'ext4'
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
})
