import type { MachineRecord } from '../../host/machine/record.ts'
import { inRescue, type Making } from './making.ts'
import { disksToMake } from './map-disks.ts'

/** Folders that the kernel fills, or that are emptied at boot: no backup has their contents. */
const empty = { '/proc': '555', '/sys': '555', '/dev': '755', '/run': '755', '/tmp': '1777' }

/** Makes the machine bootable: device names in its files, the initial RAM disk, the boot loader. */
export function startSteps(making: Making): void {
  const { record, add, note } = making
  const hasSystem = record.sources.some(({ place }) => place === '/')
  if (!hasSystem) {
    note('the system itself (/) is no source: install it, and add what was restored')
    last(making)
    return
  }
  for (const [path, mode] of Object.entries(empty)) {
    add({
      why: `${path}, which no backup has`,
      argv: ['mkdir', '--parents', `--mode=${mode}`, inRescue(path)],
    })
  }
  names(making)
  devicesFile(making)
  for (const path of ['/proc', '/sys', '/dev', '/run']) {
    const argv: [string, ...string[]] = ['mount', '--rbind', '--make-rslave', path, inRescue(path)]
    add({
      why: `${path} of the live system, for the programs in it`,
      argv,
      again: { mounted: inRescue(path), argv },
    })
  }
  initramfs(making)
  bootLoader(making)
  last(making)
}

/** Replaces device names that have changed. UUIDs stay. */
function names({ record, now, add }: Making): void {
  for (const file of ['/etc/fstab', '/etc/crypttab', '/etc/default/grub']) {
    const text = record.files[file] ?? ''
    const changed = record.devices.filter(({ path }) => now(path) !== path && named(path, text))
    if (changed.length === 0) continue
    // In two steps, as a new name may be another disk's old one.
    const words = changed.flatMap(({ path }, n) => ['-e', `s#${path}\\b#@${n}@#g`])
    const back = changed.flatMap(({ path }, n) => ['-e', `s#@${n}@#${now(path)}#g`])
    add({
      why: `${file} names disks that are called otherwise now`,
      argv: ['sed', '-i', ...words, ...back, inRescue(file)],
    })
  }
}

/** It names disks by serial number or WWN: no volume would be found on others. Without it LVM looks at all. @see lvmdevices(8) */
function devicesFile({ record, add }: Making): void {
  if (record.groups.length === 0) return
  add({
    why: 'the list of disks that LVM looks at, where there is one: it names the old ones',
    argv: ['rm', '--force', inRescue('/etc/lvm/devices/system.devices')],
  })
}

function named(path: string, text: string): boolean {
  return new RegExp(`${path}\\b`).test(text)
}

function initramfs({ record, add, note }: Making): void {
  const { initramfs } = record.kernel
  const words = {
    'update-initramfs': ['update-initramfs', '-u', '-k', 'all'],
    dracut: ['dracut', '--force', '--regenerate-all'],
    mkinitcpio: ['mkinitcpio', '-P'],
  }
  if (initramfs === undefined) {
    note('no initial RAM disk was made: what makes it is not recorded')
    return
  }

  add({
    why: 'the initial RAM disk, for these disks',
    argv: ['chroot', inRescue('/'), ...words[initramfs]],
    mayFail: true,
  })
}

function bootLoader({ record, now, add, note }: Making): void {
  const { name, platforms, folder = '/boot/grub' } = record.bootLoader
  if (name !== 'grub') {
    note(`the boot loader (${name}) was not installed: do it in a chroot of ${inRescue('/')}`)
    return
  }
  const install = folder.endsWith('2') ? 'grub2-install' : 'grub-install'
  const chroot = ['chroot', inRescue('/')] as const
  if (platforms.includes('i386-pc')) {
    for (const { path } of bootDisks(record)) {
      add({
        why: `the boot loader, on ${now(path)}`,
        argv: [...chroot, install, '--target=i386-pc', now(path)],
        mayFail: true,
      })
    }
  }
  for (const platform of platforms.filter((one) => one.endsWith('-efi'))) {
    const efi = ['/boot/efi', '/efi', '/boot'].find((at) =>
      record.fileSystems.some((one) => one.at === at && one.type === 'vfat'),
    )
    if (efi === undefined)
      note(`the boot loader for ${platform} was not installed: no EFI partition is recorded`)
    else {
      add({
        why: `the boot loader, on the EFI partition`,
        argv: [...chroot, install, `--target=${platform}`, `--efi-directory=${efi}`, '--removable'],
        mayFail: true,
      })
    }
  }
  add({
    why: 'its menu',
    argv: [...chroot, folder.endsWith('2') ? 'grub2-mkconfig' : 'grub-mkconfig', '-o', `${folder}/grub.cfg`],
    mayFail: true,
  })
}

/** The disks that the machine may boot from: those with a partition table, as grub needs the room before a partition. */
function bootDisks(record: MachineRecord) {
  const at = ['/boot', '/'].find((path) => record.fileSystems.some((one) => one.at === path))
  const paths = record.fileSystems.filter((one) => one.at === at).map(({ device }) => device)
  return disksToMake(record, paths).filter(({ path }) =>
    record.partitionTables.some(({ disk }) => disk === path),
  )
}

function last({ record, note }: Making): void {
  for (const { at, only } of record.uncovered) {
    note(
      only.length > 0
        ? `${at} was not backed up, but for ${only.join(', ')}`
        : `${at} was not backed up: its file system is empty`,
    )
  }
  note(`look at ${inRescue('/etc/fstab')} and at the network's config: the new machine may have other cards`)
  note(`then: umount --recursive ${inRescue('/')}, and boot the machine from its own disk`)
  note(
    'there: `hdsync check`. Should it say that mirrors belong to another store: `hdsync target adopt --all --take-over` takes them over',
  )
}
