import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Figure } from '../main.ts'
import { inFolder } from '../measure.ts'
import { classicPlain } from './classic.ts'
import { type Comparison, compareNights, fiveNights, type Night } from './compare.ts'
import { say } from './figures.ts'
import { build, PlainHdsync } from './hdsync.ts'
import { measured, run } from './measured.ts'
import { changedShare, plainSize, plainSources, smallSize } from './scale.ts'
import { changeTree, makeTree, type TreeSize } from './tree.ts'

/**
 * Nights of two plain directories, hdsync and the classic script turn by turn, each on a copy of its own of the same
 * tree; a first night also in times of a copy and archives of it by bare programs.
 */
export function nightPlain(): Promise<Figure[]> {
  return plainNights('nightPlain', plainSize, {
    nights: fiveNights.slice(0, 4),
    goals: { unchanged: 0.03, '5 % changed': 0.15, 'unchanged after a change': 0.04 },
    withBare: true,
  })
}

/** The same of small files alone. */
export function nightSmall(): Promise<Figure[]> {
  return plainNights('nightSmall', smallSize, {
    nights: fiveNights,
    goals: {
      unchanged: 0.07,
      '5 % changed': 0.18,
      'unchanged after a change': 0.07,
      '5 % changed, one core': 0.25,
    },
    withBare: false,
  })
}

async function plainNights(
  bench: string,
  size: TreeSize,
  { withBare, ...rest }: { nights: readonly Night[]; goals: Comparison['goals']; withBare: boolean },
): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const ours = join(folder, 'ours')
    const classic = join(folder, 'classic')
    say(`${bench}: making ${size.files} files`)
    const app = await build(folder)
    makeLive(ours, size)
    mkdirSync(classic)
    await run(['cp', '-a', join(ours, 'live'), classic])
    const hdsync = new PlainHdsync(app, ours, { live: join(ours, 'live'), archives: true })
    const file = join(classic, 'night')
    const to = { mirrors: join(classic, 'mirrors'), archives: join(classic, 'archives') }
    writeFileSync(file, classicPlain(join(classic, 'live'), plainSources, to))
    return compareNights({
      ...{ bench, ...rest },
      ours: {
        fresh: () => hdsync.fresh(),
        night: (zone, before) => hdsync.night(zone, before),
        commands: () => hdsync.commands(),
      },
      script: {
        fresh: async () => {
          for (const each of Object.values(to)) rmSync(each, { recursive: true, force: true })
        },
        night: (zone, before = []) => measured([...before, 'bash', file], { TZ: zone }),
      },
      ...(withBare && { bare: bareNight(join(classic, 'live'), join(folder, 'bare')) }),
      change: async (round) => {
        for (const side of [ours, classic]) changeLive(join(side, 'live'), round)
        // What changed within two seconds before a night, the next one looks at again: of most nights that is little.
        await sleep(2_500)
      },
    })
  })
}

/** What a first night makes, by programs that do it one after the other and prove nothing. */
function bareNight(live: string, at: string): NonNullable<Comparison['bare']> {
  const steps = plainSources.map(
    (source) => `rsync -a ${live}/${source}/ ${at}/${source}/
tar -c -C ${at} ${source} | zstd -q -3 -o ${at}/${source}.tar.zst`,
  )
  return {
    what: 'rsync -a and tar | zstd -3',
    goal: 1.3,
    async night() {
      rmSync(at, { recursive: true, force: true })
      mkdirSync(at)
      const taken = await measured(['bash', '-ec', steps.join('\n')])
      rmSync(at, { recursive: true, force: true })
      return taken
    },
  }
}

/** Makes the sources, in `live` below a folder. */
export function makeLive(folder: string, { files, bytes }: TreeSize = plainSize): void {
  const share = plainSources.length
  for (const source of plainSources) {
    makeTree(join(folder, 'live', source), { files: files / share, bytes: bytes / share }, source)
  }
}

/** What changes in the sources from one night to the next. */
export function changeLive(live: string, round: number): void {
  for (const source of plainSources) changeTree(join(live, source), changedShare, `${source}${round}`)
}
