import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isProgram, labAvailable, searchPath } from '../lab/available.ts'
import { cacheFolder, keepInCache } from '../lab/scratch.ts'

const run = promisify(execFile)
const imagesKept = 2

/** What a small server has, what hdsync needs, and what the tests look with. */
const packages = [
  ...['systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'iproute2', 'procps', 'curl'],
  ...['lvm2', 'rsync', 'tar', 'zstd', 'e2fsprogs', 'reiserfsprogs', 'acl', 'attr', 'libatomic1'],
]

/** Whether a machine with systemd can boot here, and if not, why not. */
export function systemAvailable(): { ok: true } | { ok: false; why: string } {
  const lab = labAvailable()
  if (!lab.ok) return lab
  if (!/^ID=debian$/m.test(osRelease()) || !codename())
    return {
      ok: false,
      why: 'the root file system is made of the packages of the Debian that runs here; this is none',
    }
  if (existsSync(imagePath())) return { ok: true }
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
export async function rootImage(): Promise<string> {
  const image = imagePath()
  if (!existsSync(image)) {
    await run(join(import.meta.dirname, 'make-root'), [image, codename(), ...packages], {
      env: { ...process.env, PATH: searchPath.join(':') },
    })
  }
  keepInCache(image, /\.ext4$/, imagesKept)
  return image
}

/** Named by all that goes into it. */
function imagePath(): string {
  const hash = createHash('sha256').update([codename(), ...packages].join('\0'))
  for (const file of ['make-root', 'up', '../lab/agent', '../lab/shares'])
    hash.update(readFileSync(join(import.meta.dirname, file)))
  return join(cacheFolder('roots'), `${hash.digest('hex').slice(0, 16)}.ext4`)
}

function osRelease(): string {
  return readFileSync('/etc/os-release', 'utf8')
}

function codename(): string {
  return /^VERSION_CODENAME=(.+)$/m.exec(osRelease())?.[1] ?? ''
}
