import { execFile } from 'node:child_process'
import { globSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { buildPackage } from '../../deploy/debian/package.ts'

const run = promisify(execFile)

/**
 * The Debian package of the checkout, and a later version of it, whose code lies in files of other names, as that of
 * any release does: what runs from the one finds nothing of its own once the other is installed.
 * @param folder Where to put them.
 */
export async function debianPackages(folder: string): Promise<{ now: string; later: string }> {
  // Not compressed: to unpack it takes the machine longer than to read it.
  const now = await buildPackage(folder, 0)
  const tree = join(folder, 'later')
  await run('dpkg-deb', ['--raw-extract', now, tree])
  change(join(tree, 'DEBIAN/control'), (text) => text.replace(/^(Version: .*)$/m, '$1+later'))
  const chunks = globSync(join(tree, 'usr/lib/hdsync/runtime/chunks/*.js'))
  for (const file of globSync(join(tree, 'usr/lib/hdsync/**/*.js'))) {
    change(file, (text) =>
      chunks.reduce((changed, chunk) => changed.replaceAll(basename(chunk), laterName(chunk)), text),
    )
  }
  for (const chunk of chunks) renameSync(chunk, join(chunk, '..', laterName(chunk)))
  const later = join(folder, 'later.deb')
  await run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, later])
  return { now, later }
}

function laterName(chunk: string): string {
  return basename(chunk).replace(/\.js$/, 'L.js')
}

function change(file: string, edit: (text: string) => string): void {
  writeFileSync(file, edit(readFileSync(file, 'utf8')))
}
