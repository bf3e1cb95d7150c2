import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * The Debian package of the checkout, and one that differs from it by a later version alone.
 * @param folder Where to put them.
 */
export async function debianPackages(folder: string): Promise<{ now: string; later: string }> {
  const { buildPackage } = await import('../../deploy/debian/package.ts')
  const now = await buildPackage(folder)
  const tree = join(folder, 'later')
  await run('dpkg-deb', ['--raw-extract', now, tree])
  const control = join(tree, 'DEBIAN/control')
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^(Version: .*)$/m, '$1+later'))
  const later = join(folder, 'later.deb')
  await run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, later])
  return { now, later }
}
