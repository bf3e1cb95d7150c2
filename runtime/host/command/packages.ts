import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { commandEnvironment } from './environment.ts'

/** Where Debian and Ubuntu keep what hdsync calls. */
const packages: Readonly<Record<string, string>> = {
  lvs: 'lvm2',
  lvcreate: 'lvm2',
  lvremove: 'lvm2',
  lvextend: 'lvm2',
  dmsetup: 'dmsetup',
  mount: 'mount',
  umount: 'mount',
  blkid: 'util-linux',
  findfs: 'util-linux',
  dmesg: 'util-linux',
  nsenter: 'util-linux',
  sync: 'coreutils',
  find: 'findutils',
  rsync: 'rsync',
  ssh: 'openssh-client',
  'ssh-keyscan': 'openssh-client',
  'ssh-keygen': 'openssh-client',
  age: 'age',
  perl: 'perl-base',
  flock: 'util-linux',
  setpriv: 'util-linux',
  prlimit: 'util-linux',
  tar: 'tar',
  zstd: 'zstd',
  gzip: 'gzip',
  lsblk: 'util-linux',
  findmnt: 'mount',
  wipefs: 'util-linux',
  mkswap: 'util-linux',
  sfdisk: 'fdisk',
  dumpe2fs: 'e2fsprogs',
  'mkfs.ext2': 'e2fsprogs',
  'mkfs.ext3': 'e2fsprogs',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  'mkfs.btrfs': 'btrfs-progs',
  'mkfs.reiserfs': 'reiserfsprogs',
  'mkfs.vfat': 'dosfstools',
  mdadm: 'mdadm',
  cryptsetup: 'cryptsetup-bin',
  pvcreate: 'lvm2',
  vgcreate: 'lvm2',
  vgchange: 'lvm2',
  vgcfgbackup: 'lvm2',
}

/** Whether hdsync would find a program. */
export function isInstalled(program: string): boolean {
  return programFile(program) !== undefined
}

/** The file that hdsync would run. */
export function programFile(program: string): string | undefined {
  const folders = (commandEnvironment('check').PATH ?? '').split(delimiter)
  return folders
    .map((folder) => join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** How to get a program that is missing. */
export function packageHint(program: string): string | undefined {
  const debianPackage = Object.hasOwn(packages, program) ? packages[program] : undefined
  return debianPackage && `apt-get install ${debianPackage}`
}
