import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from '../../../deploy/build/bundle.ts'
import { measured, run, type Usage } from './measured.ts'
import { plainSources } from './scale.ts'
import type { Command } from './shares.ts'

/**
 * hdsync as it is released, made of this checkout; or the build in `HDSYNC_BENCH_BUILD`, to measure another version by
 * the same bench.
 * @returns The folder of the build.
 */
export async function build(folder: string): Promise<string> {
  const given = process.env.HDSYNC_BENCH_BUILD
  if (given) {
    if (!existsSync(join(given, 'bin/hdsync'))) throw new Error(`HDSYNC_BENCH_BUILD: no build in ${given}`)
    return given
  }
  const at = join(folder, 'build')
  await bundle(at)
  return at
}

/** hdsync on plain directories of the host: `live/SOURCE` in a folder to `mirrors` and `archives` beside it. */
export class PlainHdsync {
  readonly #folder: string
  readonly #live: string
  readonly #archives: boolean
  readonly #env: Record<string, string>
  readonly #program: string

  constructor(app: string, folder: string, { live, archives }: { live: string; archives: boolean }) {
    this.#folder = folder
    this.#live = live
    this.#archives = archives
    this.#program = join(app, 'bin/hdsync')
    this.#env = { HDSYNC_NODE: process.execPath, NODE_COMPILE_CACHE: join(app, '.compiled') }
  }

  /** Makes its targets and its state anew. */
  async fresh(): Promise<void> {
    for (const name of ['mirrors', 'archives', 'state']) {
      rmSync(join(this.#folder, name), { recursive: true, force: true })
      mkdirSync(join(this.#folder, name), { recursive: true })
    }
    writeFileSync(join(this.#folder, 'hdsync.yaml'), this.#config(), { mode: 0o600 })
    await this.#hdsync('target', 'adopt', 'mirrors')
    if (this.#archives) await this.#hdsync('target', 'adopt', 'archives')
  }

  /** See `Side.night`. */
  night(zone: string, before: readonly string[] = []): Promise<Usage> {
    return measured([...before, ...this.#argv('run')], { ...this.#env, TZ: zone })
  }

  /** The commands of the last night. */
  async commands(): Promise<Command[]> {
    return JSON.parse(await this.#hdsync('show', '--json', '--commands')).commands
  }

  #hdsync(...words: string[]): Promise<string> {
    return run(this.#argv(...words), this.#env)
  }

  #argv(...words: string[]): string[] {
    return [this.#program, ...words, '--config', join(this.#folder, 'hdsync.yaml')]
  }

  /** Both sources at a time, as an administrator would have it on a disk without a head that travels. */
  #config(): string {
    const sources = plainSources.map(
      (name) => `  ${name}: { path: ${this.#live}/${name}, target: mirrors }\n`,
    )
    const place = (name: string, more = '') => `  ${name}: { path: ${this.#folder}/${name}${more} }\n`
    return `sources:\n${sources.join('')}targets:
${place('mirrors', ', parallel: 2')}${this.#archives ? `${place('archives')}archive: { target: archives }\n` : ''}state: ${this.#folder}/state
functions: ${this.#folder}/none
`
  }
}
