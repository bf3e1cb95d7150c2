import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where programs are looked for: an ordinary user's PATH lacks the folders for administrators. */
export const searchPath = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']

const packages = {
  'qemu-system-x86_64': 'qemu-system-x86',
  lvm: 'lvm2',
  modprobe: 'kmod',
  mke2fs: 'e2fsprogs',
  mkreiserfs: 'reiserfsprogs',
  'mkfs.xfs': 'xfsprogs',
  thin_check: 'thin-provisioning-tools',
  rsync: 'rsync',
  zstd: 'zstd',
  setfacl: 'acl',
  setfattr: 'attr',
  sfdisk: 'fdisk',
}

/** Whether a machine can boot here, and if not, why not. @param more Further programs, with the packages that have them. */
export function labAvailable(more: Record<string, string> = {}): { ok: true } | { ok: false; why: string } {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { ok: false, why: 'the lab needs Linux on x86-64' }
  }
  if (/[\s,:]/.test(import.meta.dirname)) {
    return { ok: false, why: `the lab's path may not have spaces, commas or colons: ${import.meta.dirname}` }
  }
  const missing = Object.entries({ ...packages, ...more }).filter(([program]) => !isProgram(program))
  if (missing.length === 0) return { ok: true }
  return { ok: false, why: `the lab needs: apt-get install ${missing.map(([, name]) => name).join(' ')}` }
}

export function isProgram(name: string): boolean {
  return searchPath.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
