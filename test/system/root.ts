import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isProgram, labAvailable, searchPath } from '../lab/available.ts'
import { cacheFolder, fromCache, keyOf } from '../lab/cache.ts'

const run = promisify(execFile)
const kind = 'roots'
/** One of each kind. */
const imagesKept = 2

/** What a small server has, what hdsync needs, and what the tests look with. */
const packages = [
  ...['systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'iproute2', 'procps', 'curl'],
  ...['lvm2', 'rsync', 'tar', 'zstd', 'e2fsprogs', 'reiserfsprogs', 'acl', 'attr', 'libatomic1'],
]

/** What a machine needs to start from its own disk, and to be rebuilt with that. */
const starting = ['linux-image-amd64', 'initramfs-tools', 'grub-pc-bin', 'grub2-common', 'fdisk']

/** `server` is started by the lab's kernel; `starting` has a kernel and a boot loader of its own. */
export type RootKind = 'server' | 'starting'

const contents: Record<RootKind, { size: string; packages: string[] }> = {
  server: { size: '3G', packages },
  starting: { size: '640M', packages: [...packages.filter((name) => name !== 'reiserfsprogs'), ...starting] },
}

/** Whether a machine with systemd can boot here, and if not, why not. */
export function systemAvailable(root: RootKind = 'server'): { ok: true } | { ok: false; why: string } {
  const lab = labAvailable()
  if (!lab.ok) return lab
  if (!/^ID=debian$/m.test(osRelease()) || !codename())
    return {
      ok: false,
      why: 'the root file system is made of the packages of the Debian that runs here; this is none',
    }
  if (existsSync(join(cacheFolder(kind), rootKey(root)))) return { ok: true }
  if (!isProgram('mmdebstrap'))
    return { ok: false, why: 'the machine with systemd needs: apt-get install mmdebstrap' }
  if (process.getuid?.() !== 0) return { ok: false, why: 'making a root file system needs root, once' }
  return { ok: true }
}

/**
 * An ext4 image of a small Debian server of the host's release, with systemd as process 1. Made once, in about
 * 40 seconds, and then found again. Never changed: boot() copies it.
 * @throws With the last lines of mmdebstrap, without a network for example.
 */
export async function rootImage(root: RootKind = 'server'): Promise<string> {
  const { size, packages } = contents[root]
  const folder = await fromCache({
    kind,
    key: rootKey(root),
    kept: imagesKept,
    make: async (folder) => {
      const words = [join(folder, 'root.ext4'), size, codename(), ...packages]
      await run(join(import.meta.dirname, 'make-root'), words, {
        env: { ...process.env, PATH: searchPath.join(':') },
      })
    },
  })
  return join(folder, 'root.ext4')
}

/** Stands for all that goes into it. */
export function rootKey(root: RootKind = 'server'): string {
  const { size, packages } = contents[root]
  const files = ['make-root', 'up', '../lab/agent', '../lab/shares']
  return keyOf(
    [codename(), size, ...packages],
    files.map((file) => join(import.meta.dirname, file)),
  )
}

function osRelease(): string {
  return readFileSync('/etc/os-release', 'utf8')
}

function codename(): string {
  return /^VERSION_CODENAME=(.+)$/m.exec(osRelease())?.[1] ?? ''
}
