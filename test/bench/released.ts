import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from '../../deploy/build/bundle.ts'

/** hdsync as it is released, in a folder of the bench, with a config for plain directories. */
export interface Released {
  launcher: string
  /** Its compiled code is kept in the folder of the bench, and Node is the one that runs the bench. */
  env: NodeJS.ProcessEnv
  /** Runs a command. @throws {Error} It failed. */
  run(...args: string[]): SpawnSyncReturns<Buffer>
}

/** Builds it into a folder. @param config That all its commands are given. */
export async function release(folder: string, config: string): Promise<Released> {
  await bundle(join(folder, 'app'))
  return released(folder, config)
}

/** What `release` has built there, for another config. */
export function released(folder: string, config: string): Released {
  const launcher = join(folder, 'app/bin/hdsync')
  const env = {
    ...process.env,
    HDSYNC_NODE: process.execPath,
    HDSYNC_CONFIG: config,
    NODE_COMPILE_CACHE: join(folder, 'cache'),
    // Certificates of the box that runs the bench, which Node would read at each start of a daemon.
    NODE_EXTRA_CA_CERTS: undefined,
  }
  return {
    launcher,
    env,
    run(...args) {
      const ended = spawnSync(launcher, args, { env, maxBuffer: 1e9 })
      if (ended.status !== 0) throw new Error(`hdsync ${args.join(' ')}: ${ended.stderr}`)
      return ended
    },
  }
}

/**
 * Makes plain directories with one small file each, a target, and a config of them all.
 * @returns The file of the config.
 */
export function plainSources(folder: string, count: number): string {
  mkdirSync(join(folder, 'target'), { recursive: true, mode: 0o700 })
  const sources = Array.from({ length: count }, (_, n) => {
    const path = join(folder, `sources/s${n}`)
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'file'), 'x'.repeat(1000))
    return `  s${n}: { path: ${path}, target: t }`
  })
  return writeConfig(folder, sources.join('\n'))
}

/** @param sources As they stand in the config. */
export function writeConfig(folder: string, sources: string): string {
  const file = join(folder, 'hdsync.yaml')
  writeFileSync(
    file,
    `sources:\n${sources}\ntargets: { t: { path: ${folder}/target } }\nstate: ${folder}/state\n` +
      `functions: ${folder}/none\nhttp: { socket: ${folder}/socket }\n`,
    { mode: 0o600 },
  )
  return file
}
