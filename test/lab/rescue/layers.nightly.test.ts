import { expect, it } from 'vitest'
import { describeNight, type Setting } from '../night.ts'
import { oddFiles } from '../servers.ts'
import { identities, tree } from './identities.ts'

const names = ['var', 'data', 'mail', 'boot']

/** LVM with a thin pool on LUKS on a partition, RAID1 on two disks; then a disk for the backup, and three larger ones. */
const layered: Setting = {
  programs: { cryptsetup: 'cryptsetup-bin', mdadm: 'mdadm' },
  before: `
    modprobe -a dm-crypt raid1
    printf 'horse and battery' >/run/key; chmod 600 /run/key
    printf 'label: gpt\\n,24M\\n,\\n' | sfdisk -q /dev/vda
    cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /run/key /dev/vda2
    cryptsetup open --key-file /run/key /dev/vda2 secret`,
  server: {
    disk: '/dev/mapper/secret',
    pool: '56M',
    volumes: [
      { name: 'lv_var', fs: 'ext3', size: '40M', at: '/srv/var' },
      { name: 'lv_data', fs: 'ext4', size: '48M', at: '/srv/data', thin: true },
    ],
  },
  group: 170,
  disks: [64, 64, 160, 220, 80, 96],
  prepare: `
    mke2fs -q -t ext3 -L boot /dev/vda1; mkdir -p /srv/boot; mount /dev/vda1 /srv/boot
    mdadm --create /dev/md0 --quiet --run --level=1 --raid-devices=2 --metadata=1.2 --name=mail /dev/vdb /dev/vdc
    mke2fs -q -t ext4 -L mail /dev/md0; mkdir -p /srv/mail; mount /dev/md0 /srv/mail
    mke2fs -q -t ext4 /dev/vdd; mkdir -p /mnt/hdd1; hdsync target adopt --all
    ${names.map((name) => `(${oddFiles(`/srv/${name}/odd`)})`).join('\n')}`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1 }
  data: { lv: vg01/lv_data, target: hdd1 }
  mail: { path: /srv/mail, target: hdd1 }
  boot: { path: /srv/boot, target: hdd1 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdd, at: /mnt/hdd1 }] }
`,
}

const words = 'rescue --disk /mnt/hdd1 --map vda=vde --map vdb=vdf --map vdc=vdg --key-file /run/key'
const devices = ['vg01/lv_var', 'vg01/lv_data', 'md0']

describeNight('a server with RAID, LUKS and a thin pool', layered, (night) => {
  let known = ''
  let array = ''
  let files: string[] = []

  it('has on its backup disk how it was built, and no passphrase', async () => {
    expect((await night.run()).code).toBe(0)
    known = await identities(night, [...devices, 'vda1', 'vda2'])
    array = await uuidOfArray()
    files = await trees('/srv')
    await night.machine.ok(`
      umount /srv/*; vgchange -q -an vg01 >/dev/null; cryptsetup close secret; mdadm --quiet --stop /dev/md0
      for disk in a b c; do dd if=/dev/zero of=/dev/vd$disk bs=1M status=none 2>/dev/null || true; done
      blockdev --rereadpt /dev/vda; mount /dev/vdd /mnt/hdd1`)
    const plan = await night.machine.ok(`hdsync ${words}`)
    expect(plan).toContain('mdadm --create /dev/md0')
    expect(plan).toContain('cryptsetup luksFormat')
    expect(await night.machine.ok('cat /mnt/hdd1/.hdsync-machine/*/*')).not.toContain('horse and battery')
  })

  it('comes back on larger disks with other names', async () => {
    const { code, stderr } = await night.hdsync(`${words} --execute`)
    expect(code, stderr).toBe(0)
    expect(await trees('/mnt/rescue/srv')).toEqual(files)
    expect(await identities(night, [...devices, 'vde1', 'vde2'])).toBe(known)
    expect(await uuidOfArray()).toBe(array)
    expect(await night.machine.ok('lvs --noheadings -o segtype,pool_lv vg01/lv_data')).toMatch(/thin\s+pool/)
    expect(await night.machine.ok('lsblk -no TYPE -s /dev/vg01/lv_var | sort -u | xargs')).toBe(
      'crypt disk lvm part',
    )
  })

  function trees(top: string): Promise<string[]> {
    return Promise.all(names.map((name) => tree(night, `${top}/${name}`)))
  }

  function uuidOfArray(): Promise<string> {
    return night.machine.ok('mdadm --detail --export /dev/md0 | grep MD_UUID')
  }
})
