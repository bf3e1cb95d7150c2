import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from '../main.ts'
import { inFolder } from '../measure.ts'
import { classicPlain } from './classic.ts'
import { Series, say } from './figures.ts'
import { build, PlainHdsync } from './hdsync.ts'
import { measured, run, type Usage } from './measured.ts'
import { changedShare, plainSize, plainSources, rounds } from './scale.ts'
import { shares } from './shares.ts'
import { changeTree, makeTree } from './tree.ts'

const bench = 'nightPlain'
const goals: Record<string, number> = { unchanged: 0.05, '5 % changed': 0.2 }
export const nights = ['first', 'unchanged', '5 % changed'] as const
/** It is never the same day in both; so each night has another weekday than the one before. */
export const zones = ['Etc/GMT-14', 'Etc/GMT+12'] as const

/**
 * Nights of two plain directories, hdsync and the classic script turn by turn, each on a copy of its own of the same
 * tree.
 */
export async function nightPlain(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const ours = join(folder, 'ours')
    const classic = join(folder, 'classic')
    say(`${bench}: making ${plainSize.files} files`)
    const app = await build(folder)
    await makeLive(ours)
    mkdirSync(classic)
    await run(['cp', '-a', join(ours, 'live'), classic])
    const hdsync = new PlainHdsync(app, ours, { live: join(ours, 'live'), archives: true })
    const file = join(classic, 'night')
    const to = { mirrors: join(classic, 'mirrors'), archives: join(classic, 'archives') }
    writeFileSync(file, classicPlain(join(classic, 'live'), plainSources, to))

    const ratios = new Series()
    const parts = new Series()
    for (let round = 0; round < rounds; round += 1) {
      await hdsync.fresh()
      for (const each of Object.values(to)) rmSync(each, { recursive: true, force: true })
      for (const [n, night] of nights.entries()) {
        if (night === '5 % changed') {
          for (const side of [ours, classic]) changeLive(join(side, 'live'), round)
        }
        const zone = zones[n % 2] ?? ''
        const both: Record<string, () => Promise<Usage>> = {
          hdsync: () => hdsync.night(zone),
          script: () => measured(['bash', file], { TZ: zone }),
        }
        const taken: Record<string, number> = {}
        for (const side of round % 2 === 0 ? ['hdsync', 'script'] : ['script', 'hdsync']) {
          taken[side] = (await both[side]?.())?.wallMs ?? 0
        }
        const { hdsync: oursMs = 0, script: scriptMs = 0 } = taken
        say(
          `${bench}: ${night}: hdsync ${(oursMs / 1000).toFixed(1)} s, script ${(scriptMs / 1000).toFixed(1)} s`,
        )
        ratios.add(night, oursMs / scriptMs)
        for (const [kind, ms] of Object.entries(shares(await hdsync.commands(), oursMs))) {
          if (ms > 0) parts.add(`${night}: ${kind}`, (100 * ms) / oursMs)
        }
      }
    }
    return [
      ...ratios
        .figures(bench, (night) => ({ unit: 'x', ...(goals[night] && { goal: goals[night] }) }))
        .map((figure) => ({ ...figure, what: `${figure.what} night, in times of the script` })),
      ...parts
        .figures(bench, () => ({ unit: '%' }))
        .map((figure) => ({ ...figure, what: `  of hdsync's time, ${figure.what}` })),
    ]
  })
}

/** Makes the sources, in `live` below a folder. */
export async function makeLive(folder: string): Promise<void> {
  const half = { files: plainSize.files / plainSources.length, bytes: plainSize.bytes / plainSources.length }
  for (const source of plainSources) makeTree(join(folder, 'live', source), half, source)
}

/** What changes in the sources from one night to the next. */
export function changeLive(live: string, round: number): void {
  for (const source of plainSources) changeTree(join(live, source), changedShare, `${source}${round}`)
}
