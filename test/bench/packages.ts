import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../../node_modules/.cache/hdsync-bench')

/**
 * Installs a package that is only compared with, beside the project's own: it is none of its dependencies.
 * @param versioned Such as `plainjob@0.0.14`.
 * @param besides What it needs and does not bring along.
 * @returns The file to import; undefined when it cannot be installed.
 */
export function competitor(versioned: string, ...besides: string[]): string | undefined {
  const [name = ''] = versioned.split('@')
  const place = join(folder, versioned)
  const find = () => createRequire(join(place, 'package.json')).resolve(name)
  try {
    return find()
  } catch {
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'package.json'), '{}')
    const words = ['install', versioned, ...besides, '--ignore-scripts', '--no-audit', '--no-fund']
    spawnSync('npm', words, { cwd: place })
  }
  try {
    return find()
  } catch {
    return undefined
  }
}
