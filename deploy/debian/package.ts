/**
 * `npm run package`: dist/hdsync_VERSION_amd64.deb, with a Node of its own. The same commit gives the same bytes, on
 * any machine and at any time: SOURCE_DATE_EPOCH is the commit's unless set.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { manifest, root } from '../build/bundle.ts'
import { writeControl } from './control.ts'
import { stage } from './stage.ts'

/** Of this package; Debian sorts `~` before everything, so that 1.0.0-rc.1 comes before 1.0.0. */
export const version = manifest.version.replace('-', '~')

/**
 * Builds the package.
 * @param folder Where to put it.
 * @param level Of the compression: 1 (quick) to 9 (small).
 * @returns Its path.
 */
export async function buildPackage(folder: string, level = 6): Promise<string> {
  const epoch = sourceDate()
  const tree = mkdtempSync(join(tmpdir(), 'hdsync-package-'))
  try {
    await stage(tree, version, epoch)
    writeControl(tree, version)
    mkdirSync(folder, { recursive: true })
    const file = join(folder, `hdsync_${version}_amd64.deb`)
    // gzip, as every dpkg and lintian reads it, in seconds; one thread, as more of them may give other bytes.
    const words = ['--root-owner-group', '-Zgzip', `-z${level}`, '--threads-max=1', '--build', tree, file]
    execFileSync('dpkg-deb', words, {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return file
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
}

/** Seconds since the epoch: SOURCE_DATE_EPOCH, or when the last commit was made. */
function sourceDate(): number {
  const given = process.env.SOURCE_DATE_EPOCH
  return Number(
    given ?? execFileSync('git', ['-C', root, 'show', '-s', '--format=%ct', 'HEAD'], { encoding: 'utf8' }),
  )
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      folder: { type: 'string', default: join(root, 'dist') },
      level: { type: 'string', default: '6' },
    },
  })
  console.log(await buildPackage(values.folder, Number(values.level)))
}
