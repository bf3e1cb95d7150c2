import { expect, it } from 'vitest'
import { describeNight, type Setting } from '../night.ts'
import { oddFiles } from '../servers.ts'
import { identities, tree } from './identities.ts'
import { chapter } from './page.ts'

/** A partition and a volume on one disk, a disk for the backup, and a larger one that is not empty. */
const small: Setting = {
  before: "printf 'label: gpt\\n,20M\\n,\\n' | sfdisk -q /dev/vda",
  server: { disk: '/dev/vda2', volumes: [{ name: 'lv_var', fs: 'reiserfs', size: '44M', at: '/srv/var' }] },
  group: 120,
  disks: [96, 140],
  prepare: `
    mke2fs -q -t ext3 -L boot /dev/vda1; mkdir -p /srv/boot; mount /dev/vda1 /srv/boot
    mke2fs -q -t ext4 /dev/vdb; mkdir -p /mnt/hdd1 /mnt/backup; hdsync target adopt --all
    (${oddFiles('/srv/var/odd')}); (${oddFiles('/srv/boot/odd')})
    # This kernel's reiserfs does not write down what setfacl does to the mode; chmod does.
    chmod 664 /srv/var/odd/mail/cur/2`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1 }
  boot: { path: /srv/boot, target: hdd1 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
`,
}

describeNight('a server whose disk is gone', small, (night) => {
  it('comes back on a larger one, with every file, UUID and label, once what is on that is given up', async () => {
    expect((await night.run()).code).toBe(0)
    const files = [await tree(night, '/srv/var'), await tree(night, '/srv/boot')]
    const known = await identities(night, ['vg01/lv_var', 'vda1'])
    await night.machine.ok(`
      umount /srv/var /srv/boot; vgchange -q -an vg01 >/dev/null
      for at in 0 110; do dd if=/dev/zero of=/dev/vda bs=1M count=10 seek=$at status=none; done
      blockdev --rereadpt /dev/vda; mke2fs -q -t ext2 /dev/vdc`)

    const day = chapter('On the day')
    const [look = '', execute = ''] = day.blocks
    await night.machine.ok(day.inline('mount ').replace('/dev/sdX1', '/dev/vdb'))
    expect(await night.machine.ok(`${look} --map vda=vdc`)).toContain('--execute this is:')
    const refused = await night.machine.run(`${execute} --map vda=vdc`)
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/\/dev\/vdc has ext2 on it.*\n.*--wipe vdc/)
    const { code, stderr } = await night.machine.run(`${execute} --map vda=vdc --wipe vdc`)
    expect(code, stderr).toBe(0)
    expect([await tree(night, '/mnt/rescue/srv/var'), await tree(night, '/mnt/rescue/srv/boot')]).toEqual(
      files,
    )
    expect(await identities(night, ['vg01/lv_var', 'vdc1'])).toBe(known)
  })
})
