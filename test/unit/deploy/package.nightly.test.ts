import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../../../deploy/build/bundle.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const inCheckout = spawnSync('git', ['-C', root, 'rev-parse', 'HEAD']).status === 0
/** Builds it as another person would, at another time and place. */
function build(folder: string, name: string, umask: string, zone: string): string {
  const script = `umask ${umask}; exec "$node" deploy/debian/package.ts --level 1 --folder "$folder"`
  const env = { ...process.env, node: process.execPath, folder: join(folder, name), TZ: zone }
  return execFileSync('sh', ['-c', script], { cwd: root, env, encoding: 'utf8' }).trim()
}

const sha256 = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

test.runIf(has('dpkg-deb') && has('strip') && inCheckout)(
  'the Debian package is the same to the byte whoever builds it, when and where',
  { timeout: 120_000 },
  () => {
    const folder = temporaryFolder()
    expect(sha256(build(folder, 'another', '077', 'Pacific/Auckland'))).toBe(
      sha256(build(folder, 'one', '022', 'UTC')),
    )
  },
)
