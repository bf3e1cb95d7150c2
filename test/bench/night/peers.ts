import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isProgram } from '../../lab/available.ts'
import type { Figure } from '../main.ts'
import { inFolder } from '../measure.ts'
import { type Night, nights, zones } from './compare.ts'
import { Series, say, skipped } from './figures.ts'
import { build, PlainHdsync } from './hdsync.ts'
import { measured, run, type Usage } from './measured.ts'
import { changeLive, makeLive } from './plain.ts'
import { plainSize, rounds } from './scale.ts'

interface Peer {
  fresh(): Promise<void>
  night(): Promise<Usage>
}

const bench = 'peers'
/** Against the fastest of the others. */
const goals: Partial<Record<Night, number>> = { unchanged: 0.5, '5 % changed': 1 }
const packages: Record<string, string> = { rsnapshot: 'rsnapshot', borg: 'borgbackup', restic: 'restic' }

/**
 * Nights of the same plain directories by hdsync without archives and by those that others use for it: rsnapshot, borg,
 * restic. They only read the directories, and so share one copy of them; who is first changes with the round.
 */
export async function peers(): Promise<Figure[]> {
  const missing = await install()
  if (missing.length === Object.keys(packages).length) {
    return [skipped(bench, 'a night beside others', `apt-get install ${Object.values(packages).join(' ')}`)]
  }
  for (const name of missing) say(`${bench}: without ${name}, which is not installed`)
  return inFolder(async (folder) => {
    say(`${bench}: making ${plainSize.files} files`)
    makeLive(folder)
    const live = join(folder, 'live')
    const all = await allOf(folder, live, await build(folder))
    const names = Object.keys(all).filter((name) => !missing.includes(name))
    const ratios = new Series()
    const usages = new Map<Night, Series>(nights.map((night) => [night, new Series()]))
    for (let round = 0; round < rounds; round += 1) {
      for (const name of names) await all[name]?.fresh()
      const turn = [...names.slice(round % names.length), ...names.slice(0, round % names.length)]
      for (const night of nights) {
        if (night === '5 % changed') changeLive(live, round)
        const taken = new Map<string, number>()
        for (const name of turn) {
          const usage = (await all[name]?.night()) as Usage
          taken.set(name, usage.wallMs)
          note(usages.get(night) as Series, name, usage)
        }
        say(
          `${bench}: ${night}: ${[...taken].map(([name, ms]) => `${name} ${(ms / 1000).toFixed(1)} s`).join(', ')}`,
        )
        const { hdsync: oursMs = 0, ...others } = Object.fromEntries(taken)
        ratios.add(night, oursMs / Math.min(...Object.values(others)))
      }
    }
    return [
      ...ratios
        .figures(bench, (night) => ({
          unit: 'x',
          ...(goals[night as Night] && { goal: goals[night as Night] as number }),
        }))
        .map((figure) => ({ ...figure, what: `${figure.what} night, in times of the fastest other` })),
      ...[...usages].flatMap(([night, series]) =>
        series
          .figures(bench, (name) => ({ unit: name.endsWith('time') || name.endsWith('CPU') ? 's' : 'MiB' }))
          .map((figure) => ({ ...figure, what: `  ${night}: ${figure.what}` })),
      ),
    ]
  })
}

function note(series: Series, name: string, usage: Usage): void {
  series.add(`${name}, time`, usage.wallMs / 1000)
  series.add(`${name}, CPU`, usage.cpuSeconds)
  series.add(`${name}, peak memory`, usage.peakBytes / 2 ** 20)
  series.add(`${name}, written`, usage.writtenBytes / 2 ** 20)
}

/** @returns Those that are not to be had. */
async function install(): Promise<string[]> {
  const missing = () => Object.keys(packages).filter((name) => !isProgram(name))
  const wanted = missing().map((name) => packages[name] ?? name)
  if (wanted.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const apt = ['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', ...wanted]
    await run(apt, { DEBIAN_FRONTEND: 'noninteractive' }).catch((error: Error) => say(error.message))
  }
  return missing()
}

async function allOf(folder: string, live: string, app: string): Promise<Record<string, Peer>> {
  const hdsync = new PlainHdsync(app, join(folder, 'ours'), { live, archives: false })
  mkdirSync(join(folder, 'ours'))
  let night = 0
  return {
    hdsync: {
      fresh: () => hdsync.fresh(),
      night: () => hdsync.night(zones[night++ % zones.length] ?? ''),
    },
    rsnapshot: rsnapshot(join(folder, 'rsnapshot'), live),
    borg: borg(join(folder, 'borg'), live),
    restic: restic(join(folder, 'restic'), live),
  }
}

/** Seven nights are kept, in which files that did not change are links to the night before. */
function rsnapshot(folder: string, live: string): Peer {
  const file = join(folder, 'rsnapshot.conf')
  return {
    async fresh() {
      emptied(folder)
      const lines = [
        ['config_version', '1.2'],
        ['snapshot_root', `${folder}/kept/`],
        ['cmd_cp', '/bin/cp'],
        ['cmd_rm', '/bin/rm'],
        ['cmd_rsync', '/usr/bin/rsync'],
        ['retain', 'daily', '7'],
        ['lockfile', `${folder}/pid`],
        ['verbose', '1'],
        ['link_dest', '1'],
        ['backup', `${live}/`, './'],
      ]
      writeFileSync(file, `${lines.map((words) => words.join('\t')).join('\n')}\n`)
    },
    night: () => measured(['rsnapshot', '-c', file, 'daily']),
  }
}

/** Compressed as hdsync's archives are. */
function borg(folder: string, live: string): Peer {
  const env = { BORG_BASE_DIR: folder, BORG_REPO: join(folder, 'repository') }
  let night = 0
  return {
    async fresh() {
      emptied(folder)
      await run(['borg', 'init', '--encryption=none'], env)
    },
    night: () => measured(['borg', 'create', '--compression=zstd,3', `::night${night++}`, live], env),
  }
}

/** With what it does by itself: encrypted, and compressed from version 0.14 on. */
function restic(folder: string, live: string): Peer {
  const env = {
    RESTIC_REPOSITORY: join(folder, 'repository'),
    RESTIC_CACHE_DIR: join(folder, 'cache'),
    RESTIC_PASSWORD: 'bench',
  }
  return {
    async fresh() {
      emptied(folder)
      await run(['restic', 'init', '--quiet'], env)
    },
    night: () => measured(['restic', 'backup', '--quiet', live], env),
  }
}

function emptied(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}
