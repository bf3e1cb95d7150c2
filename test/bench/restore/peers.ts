import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** Another program, with a backup of the same folder. */
export interface Peer {
  name: string
  missing?: string
  cat: () => void
  ls: () => void
  find: () => void
  /** Brings everything back, into an empty folder. */
  all: (to: string) => void
}

export function restic(folder: string, mirror: string, wanted: string): Peer {
  const env = { ...process.env, RESTIC_PASSWORD: 'x', RESTIC_REPOSITORY: join(folder, 'restic') }
  const run = (...words: string[]) => void must(spawnSync('restic', words, quiet(env)))
  const peer = {
    name: 'restic',
    cat: () => run('dump', 'latest', join(mirror, wanted)),
    ls: () => run('ls', 'latest'),
    find: () => run('find', 'wanted'),
    all: (to: string) => run('restore', 'latest', '--target', to),
  }
  if (spawnSync('restic', ['version']).error) return { ...peer, missing: 'restic is not installed' }
  run('init')
  run('backup', mirror)
  return peer
}

export function borg(folder: string, mirror: string, wanted: string): Peer {
  const repository = join(folder, 'borg')
  const env = { ...process.env, BORG_BASE_DIR: join(folder, 'borg-base') }
  const run = (...words: string[]) => void must(spawnSync('borg', words, quiet(env)))
  const archive = `${repository}::one`
  const peer = {
    name: 'borg',
    cat: () => run('extract', '--stdout', archive, join(mirror, wanted).slice(1)),
    ls: () => run('list', archive),
    find: () => run('list', archive, `sh:**/wanted`),
    all: (to: string) => void must(spawnSync('borg', ['extract', archive], { ...quiet(env), cwd: to })),
  }
  if (spawnSync('borg', ['--version']).error) return { ...peer, missing: 'borg is not installed' }
  run('init', '--encryption=none', repository)
  run('create', archive, mirror)
  return peer
}

export const quiet = (env = process.env) => ({ env, maxBuffer: 1e9 })

/** @throws {Error} It failed. */
export function must(ended: ReturnType<typeof spawnSync>): void {
  if (ended.status !== 0) throw new Error(`${ended.stderr}`)
}
