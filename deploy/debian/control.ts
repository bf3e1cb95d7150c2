import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, globSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const maintainer = 'hdsync maintainers <maintainers@hdsync.example>'

/**
 * What it cannot do without. The libraries are those of Node's binary; rsync from 3.2.4 on has `--fsync`, tar from
 * 1.27 on keeps extended attributes.
 */
const depends = [
  'libatomic1 (>= 4.8)',
  'libc6 (>= 2.28)',
  'libgcc-s1 (>= 3.4)',
  'libstdc++6 (>= 5.2)',
  'lvm2',
  'mount',
  'rsync (>= 3.2.4)',
  'tar (>= 1.27)',
  'zstd',
]

const description = `backs up a server while it runs
 hdsync takes an LVM snapshot of each live volume, mirrors it with rsync,
 keeps an archive for each day of the week, and removes the snapshot again.
 Plain directories are mirrored as they are.
 .
 Every step is a small function on a durable event bus, so nothing is lost by
 a crash, nothing is deleted on a guess, and everything that happened can be
 looked up. It is started by a systemd timer, from the command line, or over
 HTTP, and no process of it is there while there is nothing to do.`

/** Writes the folder DEBIAN of a staged tree. */
export function writeControl(tree: string, version: string): void {
  const folder = join(tree, 'DEBIAN')
  const files = globSync('**/*', { cwd: tree })
    .filter((path) => lstatSync(join(tree, path)).isFile())
    .sort()
  mkdirSync(folder)
  writeFileSync(join(folder, 'control'), control(version, installedKib(tree, files)))
  writeFileSync(join(folder, 'md5sums'), files.map((path) => `${md5(join(tree, path))}  ${path}\n`).join(''))
  for (const script of ['postinst', 'prerm', 'postrm']) {
    copyFileSync(join(import.meta.dirname, script), join(folder, script))
  }
  for (const name of globSync('*', { cwd: folder })) {
    chmodSync(join(folder, name), /^p/.test(name) ? 0o755 : 0o644)
  }
  chmodSync(folder, 0o755)
}

function control(version: string, sizeKib: number): string {
  return `Package: hdsync
Version: ${version}
Section: admin
Priority: optional
Architecture: amd64
Maintainer: ${maintainer}
Installed-Size: ${sizeKib}
Depends: ${depends.join(', ')}
Recommends: age, systemd, udev
Suggests: thin-provisioning-tools
Description: ${description}
`
}

/** As dpkg-gencontrol counts: each file in whole KiB. */
function installedKib(tree: string, files: readonly string[]): number {
  return files.reduce((sum, path) => sum + Math.ceil(lstatSync(join(tree, path)).size / 1024), 0)
}

function md5(file: string): string {
  return createHash('md5').update(readFileSync(file)).digest('hex')
}
