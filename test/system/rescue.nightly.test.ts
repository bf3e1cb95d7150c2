import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { buildPackage } from '../../deploy/debian/package.ts'
import { fingerprint } from '../lab/fingerprint.ts'
import { scratchFolder } from '../lab/machine.ts'
import { chapter } from '../lab/rescue/page.ts'
import { OwnRootServer } from './own-root.ts'
import { systemAvailable } from './root.ts'

const available = systemAvailable('starting')
const name = 'a server whose root is a logical volume'

const target = `
targets:
  hdd1: { path: /mnt/backup, mounts: [{ device: /dev/vdb, at: /mnt/backup }] }
`

/** Something that the server is there for. */
const service = `[Service]
ExecStart=/bin/sh -c 'cat /srv/greeting >/run/greeting; exec sleep infinity'
[Install]
WantedBy=multi-user.target
`

describe.skipIf(!available.ok)(available.ok ? name : `${name} (${available.why})`, () => {
  const server = new OwnRootServer()
  let before: Awaited<ReturnType<typeof portrait>>

  beforeAll(async () => {
    // Not compressed: to unpack it takes the machine longer than to read it.
    ;[packageFile] = await Promise.all([buildPackage(scratchFolder(), 0), server.build()])
    await install()
    await put('greeter.service', '/etc/systemd/system/', service)
    await server.ok('echo good morning >/srv/greeting; systemctl enable -q --now greeter.service')
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail')
      console.error(await server.journal(), server.machine.console().slice(-3000))
  })
  afterAll(() => server.cutPower())

  it('is backed up as the page says, and leaves nothing out', async () => {
    expect(await server.ok('findmnt -no SOURCE /; findmnt -no SOURCE /boot')).toBe(
      '/dev/mapper/vg01-root\n/dev/vda2',
    )
    await put('hdsync.yaml', '/etc/hdsync/', chapter('A root on LVM that boots again').yaml + target)
    await server.ok(`mkdir /mnt/backup; mount /dev/vdb /mnt/backup; hdsync target adopt --all
      echo '/dev/vdb /mnt/backup ext4 defaults,nofail 0 2' >>/etc/fstab
      systemctl enable -q hdsync.socket hdsync-backup.timer`)
    const [sheet = '', check = ''] = chapter('For the safe, today').blocks.join('\n').split('\n')
    expect(await server.ok(sheet)).toContain('nothing: every file system of the machine is in a source')
    const checked = await server.machine.run(check)
    expect([0, 3], `${checked.stdout}${checked.stderr}`).toContain(checked.code)
    expect(checked.stdout).not.toContain('in no source')
    const run = await server.machine.run('hdsync run --json', { timeoutMs: 900_000 })
    expect(run.code, `${run.stdout}${run.stderr}`).toBe(0)
    before = await portrait()
    await server.powerOff()
  })

  it('is rebuilt on an empty disk, from the disk with the backups alone', async () => {
    await server.bootLive()
    await install()
    const day = chapter('On the day')
    const commands = [day.inline('mount '), ...day.blocks, day.inline('umount ')]
    for (const command of commands) {
      const { code, stdout, stderr } = await server.machine.run(command.replace('/dev/sdX1', '/dev/vdb'), {
        timeoutMs: 1_200_000,
      })
      expect(code, `${command}\n${stdout}${stderr}`).toBe(0)
      if (process.env.HDSYNC_TRANSCRIPT) console.log(`# ${command}\n${stdout}${stderr}`)
    }
    await server.powerOff()
  })

  it('starts from that by its own boot loader, with its services, and its next night is due', async () => {
    await server.boot('empty')
    expect(await portrait()).toEqual(before)
    expect(
      await server.ok('cat /run/greeting; systemctl is-system-running; systemctl --failed --no-legend'),
    ).toBe('good morning\nrunning')
    expect(await server.ok('systemctl is-active greeter.service hdsync.socket hdsync-backup.timer')).toBe(
      'active\nactive\nactive',
    )
    expect(await server.ok('systemctl show -P NextElapseUSecRealtime hdsync-backup.timer')).not.toBe('')
    const { code, stdout } = await server.machine.run(chapter('On the day').inline('hdsync check'))
    expect([0, 3], stdout).toContain(code)
    expect(stdout).not.toContain('another store')
  })

  let packageFile = ''
  async function install(): Promise<void> {
    copyFileSync(packageFile, join(server.machine.dir, 'hdsync.deb'))
    await server.ok('dpkg -i /run/lab/hdsync.deb')
  }

  async function put(file: string, folder: string, text: string): Promise<void> {
    writeFileSync(join(server.machine.dir, file), text)
    await server.ok(`install -D -m 644 -t ${folder} /run/lab/${file}`)
  }

  /** What the server is known by, and its files, but for LVM's notes of its own commands. */
  async function portrait() {
    return {
      mounted: await server.ok(
        'findmnt -no SOURCE,FSTYPE,LABEL,UUID /; findmnt -no SOURCE,FSTYPE,LABEL,UUID /boot',
      ),
      volumes: await server.ok(
        'lvs --noheadings -o lv_name,lv_size vg01; blkid -o value -s UUID /dev/vg01/swap; swapon --noheadings --show=SIZE',
      ),
      kernel: await server.ok('cat /proc/cmdline'),
      etc: await fingerprint(server.machine, '/etc', { without: ['./lvm'] }),
      libraries: await fingerprint(server.machine, '/usr/lib/hdsync'),
    }
  }
})
