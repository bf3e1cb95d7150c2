import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from '../main.ts'
import { inFolder } from '../measure.ts'
import { classicPlain } from './classic.ts'
import { compareNights } from './compare.ts'
import { say } from './figures.ts'
import { build, PlainHdsync } from './hdsync.ts'
import { measured, run } from './measured.ts'
import { changedShare, plainSize, plainSources } from './scale.ts'
import { changeTree, makeTree } from './tree.ts'

/**
 * Nights of two plain directories, hdsync and the classic script turn by turn, each on a copy of its own of the same
 * tree.
 */
export async function nightPlain(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const bench = 'nightPlain'
    const ours = join(folder, 'ours')
    const classic = join(folder, 'classic')
    say(`${bench}: making ${plainSize.files} files`)
    const app = await build(folder)
    makeLive(ours)
    mkdirSync(classic)
    await run(['cp', '-a', join(ours, 'live'), classic])
    const hdsync = new PlainHdsync(app, ours, { live: join(ours, 'live'), archives: true })
    const file = join(classic, 'night')
    const to = { mirrors: join(classic, 'mirrors'), archives: join(classic, 'archives') }
    writeFileSync(file, classicPlain(join(classic, 'live'), plainSources, to))
    return compareNights({
      bench,
      ours: {
        fresh: () => hdsync.fresh(),
        night: (zone) => hdsync.night(zone),
        commands: () => hdsync.commands(),
      },
      script: {
        fresh: async () => {
          for (const each of Object.values(to)) rmSync(each, { recursive: true, force: true })
        },
        night: (zone) => measured(['bash', file], { TZ: zone }),
      },
      change: async (round) => {
        for (const side of [ours, classic]) changeLive(join(side, 'live'), round)
      },
      goals: { unchanged: 0.05, '5 % changed': 0.2 },
    })
  })
}

/** Makes the sources, in `live` below a folder. */
export function makeLive(folder: string): void {
  const share = plainSources.length
  const size = { files: plainSize.files / share, bytes: plainSize.bytes / share }
  for (const source of plainSources) makeTree(join(folder, 'live', source), size, source)
}

/** What changes in the sources from one night to the next. */
export function changeLive(live: string, round: number): void {
  for (const source of plainSources) changeTree(join(live, source), changedShare, `${source}${round}`)
}
