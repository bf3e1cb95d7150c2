import { copyFileSync, globSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isProgram } from '../../lab/available.ts'
import type { Figure } from '../main.ts'
import { inFolder } from '../measure.ts'
import { type Night, nights } from '../night/compare.ts'
import { Series, say, skipped } from '../night/figures.ts'
import { build } from '../night/hdsync.ts'
import { measured, run } from '../night/measured.ts'
import { changeLive, makeLive } from '../night/plain.ts'
import { plainSize, plainSources, rounds } from '../night/scale.ts'
import { type Site, startSite, whyNoSite } from './site.ts'

const bench = 'copies'
/** Against the better of the others. */
const goals: Partial<Record<Night, number>> = { unchanged: 1, '5 % changed': 1 }

const dayMs = 86_400_000

/** Somebody who brings a night to another machine. */
interface Sender {
  fresh(): Promise<void>
  /** Done before it is measured. */
  before?(isChanged: boolean): Promise<void>
  /** @returns Milliseconds. */
  send(): Promise<number>
}

/**
 * Copies of the same plain directories on another machine, over a real ssh on this one: the archives of hdsync in a vault, a
 * repository of restic over sftp, one of borg over ssh. What passes is counted on the way, all of ssh included.
 */
export async function copies(): Promise<Figure[]> {
  const missing = ['restic', 'borg'].filter((name) => !isProgram(name))
  if (whyNoSite) return [skipped(bench, 'copies over ssh', whyNoSite)]
  if (missing.length === 2) return [skipped(bench, 'copies over ssh', 'apt-get install borgbackup restic')]
  return inFolder(async (folder) => {
    say(`${bench}: making ${plainSize.files} files`)
    makeLive(folder)
    const app = await build(folder)
    const vault = join(folder, 'vault.yaml')
    const env = `HDSYNC_NODE=${process.execPath} NODE_COMPILE_CACHE=${join(app, '.compiled')}`
    const command = `env ${env} ${join(app, 'bin/hdsync')} receive web1 --config ${vault}`
    using site = await startSite(join(folder, 'ssh'), command)
    const all: Record<string, Sender> = { hdsync: hdsync(folder, app, vault, site) }
    if (!missing.includes('restic')) all.restic = restic(folder, site)
    if (!missing.includes('borg')) all.borg = borg(folder, site)
    const ratios = { time: new Series(), wire: new Series() }
    const each = { time: new Series(), wire: new Series() }
    for (let round = 0; round < rounds; round += 1) {
      for (const one of Object.values(all)) await one.fresh()
      for (const night of nights) {
        if (night === '5 % changed') changeLive(join(folder, 'live'), round)
        const { tookMs, bytes } = await sent(all, site, night !== 'unchanged', round)
        for (const name of Object.keys(all)) {
          each.time.add(`${night}: ${name}`, (tookMs.get(name) ?? 0) / 1000)
          each.wire.add(`${night}: ${name}`, (bytes.get(name) ?? 0) / 2 ** 20)
        }
        ratios.time.add(night, ofBetter(tookMs))
        ratios.wire.add(night, ofBetter(bytes))
        const times = [...tookMs].map(
          ([name, ms]) => `${name} ${(ms / 1000).toFixed(1)} s, ${bytes.get(name)} bytes`,
        )
        say(`${bench}: ${night}: ${times.join(', ')}`)
      }
    }
    const goal = (night: string) => ({
      unit: 'x',
      ...(goals[night as Night] && { goal: goals[night as Night] as number }),
    })
    const named = (figures: Figure[], words: string) =>
      figures.map((one) => ({ ...one, what: `${one.what}${words}` }))
    return [
      ...named(ratios.time.figures(bench, goal), ', time, in times of the better other'),
      ...named(ratios.wire.figures(bench, goal), ', bytes on the wire, likewise'),
      ...named(
        each.time.figures(bench, () => ({ unit: 's' })),
        ', time',
      ),
      ...named(
        each.wire.figures(bench, () => ({ unit: 'MiB' })),
        ', on the wire',
      ),
    ]
  })
}

/** One night of each, in turn. */
async function sent(all: Record<string, Sender>, site: Site, isChanged: boolean, round: number) {
  const tookMs = new Map<string, number>()
  const bytes = new Map<string, number>()
  for (const [name, one] of turned(Object.entries(all), round)) {
    await one.before?.(isChanged)
    site.passed()
    tookMs.set(name, await one.send())
    bytes.set(name, site.passed())
  }
  return { tookMs, bytes }
}

function ofBetter(values: ReadonlyMap<string, number>): number {
  const { hdsync: ours = Number.NaN, ...others } = Object.fromEntries(values)
  return ours / Math.min(...Object.values(others))
}

function turned<T>(all: readonly T[], by: number): T[] {
  return [...all.slice(by % all.length), ...all.slice(0, by % all.length)]
}

/**
 * Its archives stand before they are sent: what makes them is a night's work, and `nightPlain` measures it. Each is kept under a
 * day of its own, as those of other nights are.
 */
function hdsync(folder: string, app: string, vault: string, { port, keyFile, knownHosts }: Site): Sender {
  const own = join(folder, 'ours')
  const program = join(app, 'bin/hdsync')
  const env = { HDSYNC_NODE: process.execPath, NODE_COMPILE_CACHE: join(app, '.compiled') }
  const config = join(own, 'hdsync.yaml')
  const copying = join(own, 'copying.yaml')
  const call = (words: string[], file: string) => run([program, ...words, '--config', file], env)
  const kept = (daysAgo: number) =>
    join(own, 'archives/kept', new Date(Date.now() - daysAgo * dayMs).toISOString().slice(0, 10))
  let daysAgo = 0
  return {
    async fresh() {
      daysAgo = 9
      for (const name of ['mirrors', 'archives', 'state', 'vault', 'vault-state']) {
        rmSync(join(own, name), { recursive: true, force: true })
        mkdirSync(join(own, name), { recursive: true })
      }
      const sources = plainSources.map(
        (name) => `  ${name}: { path: ${folder}/live/${name}, target: mirrors }\n`,
      )
      const place = (name: string) => `  ${name}: { path: ${own}/${name}, parallel: 2 }\n`
      const text = `sources:\n${sources.join('')}targets:\n${place('mirrors')}${place('archives')}archive: { target: archives }\nstate: ${own}/state\nfunctions: ${own}/none\n`
      const reach = `ssh: root@127.0.0.1, port: ${port}, keyFile: ${keyFile}, knownHosts: ${knownHosts}`
      writeFileSync(config, text, { mode: 0o600 })
      writeFileSync(copying, `${text}copies: { offsite: { ${reach} } }\n`, { mode: 0o600 })
      writeFileSync(
        vault,
        `vault: { path: ${own}/vault, hosts: { web1: {} } }\nstate: ${own}/vault-state\n`,
        {
          mode: 0o600,
        },
      )
      await call(['vault', 'add-host', 'web1', '--user', 'root'], vault)
      for (const name of ['mirrors', 'archives']) await call(['target', 'adopt', name], config)
    },
    async before(isChanged) {
      daysAgo -= 1
      if (isChanged) await call(['run', '-q'], config)
      mkdirSync(kept(daysAgo), { recursive: true })
      for (const source of plainSources) {
        const [made = ''] = globSync(join(own, `archives/*day/${source}.tar.zst`))
        const path = join(kept(daysAgo), `${source}.tar.zst`)
        if (isChanged) renameSync(made, path)
        else copyFileSync(join(kept(daysAgo + 1), `${source}.tar.zst`), path)
        const at = (Date.now() - daysAgo * dayMs) / 1000
        utimesSync(path, at, at)
      }
      await call(['verify', '--all', '-q'], config).catch((error: Error) => {
        // Of the mirrors nothing tells what has to be there, as the archive of today was moved.
        if (!error.message.startsWith('exit 3 ')) throw error
      })
    },
    send: async () => (await measured([program, 'copy', '-q', '--config', copying], env)).wallMs,
  }
}

function restic(folder: string, { ssh }: Site): Sender {
  const repository = join(folder, 'restic')
  const cache = join(folder, 'restic-cache')
  const env = {
    RESTIC_PASSWORD: 'x',
    RESTIC_REPOSITORY: `sftp:root@127.0.0.1:${repository}`,
    RESTIC_CACHE_DIR: cache,
  }
  const words = ['restic', '--quiet', '-o', `sftp.command=${ssh.join(' ')} root@127.0.0.1 -s sftp`]
  return {
    async fresh() {
      for (const each of [repository, cache]) rmSync(each, { recursive: true, force: true })
      await run([...words, 'init'], env)
    },
    send: async () => (await measured([...words, 'backup', join(folder, 'live')], env)).wallMs,
  }
}

/** It does not encrypt, as hdsync here; and compresses by zstd. */
function borg(folder: string, { ssh }: Site): Sender {
  const repository = `ssh://root@127.0.0.1${join(folder, 'borg')}`
  const env = { BORG_RSH: ssh.join(' '), BORG_BASE_DIR: join(folder, 'borg-base') }
  let n = 0
  return {
    async fresh() {
      for (const name of ['borg', 'borg-base']) rmSync(join(folder, name), { recursive: true, force: true })
      await run(['borg', 'init', '--encryption=none', repository], {
        ...env,
        BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes',
      })
    },
    async send() {
      n += 1
      const argv = ['borg', 'create', '--compression', 'zstd', `${repository}::${n}`, join(folder, 'live')]
      return (await measured(argv, env)).wallMs
    },
  }
}
