import { expect, it } from 'vitest'
import { describeNight, type Setting } from '../night.ts'
import { oddFiles } from '../servers.ts'
import { identities, tree } from './identities.ts'

/** The classic server: LVM on a disk and on a partition of another, nested backup disks, and an empty disk that is larger. */
const classic: Setting = {
  server: {
    pool: '64M',
    volumes: [
      { name: 'lv_var', fs: 'reiserfs', size: '64M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '48M', at: '/srv/home' },
      { name: 'lv_data', fs: 'ext4', size: '48M', at: '/srv/data', thin: true },
    ],
  },
  group: 300,
  disks: [120, 200, 64, 360],
  prepare: `
    printf 'label: gpt\\n,40M\\n,\\n' | sfdisk -q /dev/vdb
    vgextend -q vg01 /dev/vdb2 >/dev/null; lvextend -q -L 230M vg01/lv_home >/dev/null 2>&1 || true
    mke2fs -q -t ext3 -L boot /dev/vdb1; mkdir -p /srv/boot; mount /dev/vdb1 /srv/boot
    mke2fs -q -t ext3 /dev/vdc; mke2fs -q -t ext3 /dev/vdd
    mkdir -p /mnt/hdd1; mount /dev/vdc /mnt/hdd1; mkdir /mnt/hdd1/home; umount /mnt/hdd1
    hdsync target adopt --all
    ${['var', 'home', 'data', 'boot'].map((name) => `(${oddFiles(`/srv/${name}/odd`)})`).join('\n')}
    # This kernel's reiserfs does not write down what setfacl does to the mode; chmod does.
    chmod 664 /srv/var/odd/mail/cur/2`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1 }
  home: { lv: vg01/lv_home, target: hdd1 }
  data: { lv: vg01/lv_data, target: hdd1 }
  boot: { path: /srv/boot, target: hdd1 }
targets:
  hdd1:
    path: /mnt/hdd1
    mounts: [{ device: /dev/vdc, at: /mnt/hdd1 }, { device: /dev/vdd, at: /mnt/hdd1/home }]
`,
}

const names = ['var', 'home', 'data', 'boot']
const command = 'hdsync rescue --disk /mnt/hdd1 --map vda=vde'

describeNight('a server whose disks are gone', classic, (night) => {
  const before: Record<string, string> = {}
  const devices = ['vg01/lv_var', 'vg01/lv_home', 'vg01/lv_data', 'vdb1']
  let known = ''

  it('has on its backup disk how it was built', async () => {
    expect((await night.run()).code).toBe(0)
    for (const name of names) before[name] = await tree(night, `/srv/${name}`)
    known = await identities(night, devices)
    await night.machine.ok(
      'mount -o ro /dev/vdc /mnt/hdd1; cat /mnt/hdd1/.hdsync-machine/*/lvm-vg01.conf | grep -q lv_home',
    )
    const sheet = await night.machine.ok('cat /mnt/hdd1/.hdsync-machine/*/sheet.txt')
    expect(sheet).toMatch(/vdb1 {2}part {2}40 MiB {2}ext3 {2}"boot".*at \/srv\/boot/)
    expect(sheet).toContain('var: volume vg01/lv_var at /srv/var')
    expect(sheet).not.toContain('/srv/var (')
  })

  it('gets a plan, and refuses a disk that bears anything', async () => {
    await night.machine.ok(`
      umount /srv/var /srv/home /srv/data /srv/boot; vgchange -q -an vg01 >/dev/null
      for disk in vda vdb; do dd if=/dev/zero of=/dev/$disk bs=1M count=8 status=none; done
      dd if=/dev/zero of=/dev/vdb bs=1M seek=112 status=none 2>/dev/null || true
      blockdev --rereadpt /dev/vdb; mke2fs -q -t ext2 /dev/vde
      umount /mnt/hdd1; mount /dev/vdc /mnt/hdd1; mount /dev/vdd /mnt/hdd1/home`)
    const plan = JSON.parse(await night.machine.ok(`${command} --json`))
    expect(plan.problems).toEqual([])
    expect(plan.disks.map(({ old, now }: { old: string; now: string }) => [old, now])).toEqual([
      ['/dev/vda', '/dev/vde'],
      ['/dev/vdb', '/dev/vdb'],
    ])
    const refused = await night.machine.run(`${command} --execute`)
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/\/dev\/vde has ext2 on it.*\n.*--wipe vde/)
    expect(await night.machine.ok('blkid -o value -s TYPE /dev/vde')).toContain('ext2')
  })

  it('goes on where it was killed, and has every file, UUID and label', async () => {
    const journal = '/mnt/hdd1/.hdsync-machine/*/rescue.json'
    await night.machine.ok(`
      setsid ${command} --wipe vde --execute >/run/first 2>&1 & first=$!
      until grep -q '^.10/' /run/first; do kill -0 $first 2>/dev/null || break; sleep 0.2; done
      kill -9 -- -$first 2>/dev/null; sleep 1; test -e ${journal}; grep -q '"ended":false' ${journal}`)
    const { code, stdout, stderr } = await night.machine.run(`${command} --execute`)
    expect(`${code} ${stderr}`).toMatch(/^0/)
    expect(stdout).toContain('a rescue that was cut off goes on')
    expect(stdout).toContain('the machine lies in /mnt/rescue')
    for (const name of names) expect(await tree(night, `/mnt/rescue/srv/${name}`)).toBe(before[name])
    expect(await identities(night, devices)).toBe(known)
    expect(
      await night.machine.ok('vgs --noheadings -o pv_count vg01; lvs --noheadings -o segtype vg01/lv_data'),
    ).toMatch(/2\s+thin/)
  })
})
