import type { Figure } from '../main.ts'
import { Series, say } from './figures.ts'
import type { Usage } from './measured.ts'
import { rounds } from './scale.ts'
import { type Command, shares } from './shares.ts'

/** One of two programs that back up the same. */
export interface Side {
  /** Empties its mirrors and archives, and makes what it has to have before its first night. */
  fresh(): Promise<void>
  /** @param zone Where it is the weekday that the night belongs to. */
  night(zone: string): Promise<Taken>
}

/** What a night took; processor seconds where they can be told. */
export type Taken = Pick<Usage, 'wallMs'> & Partial<Pick<Usage, 'cpuSeconds'>>

export interface Comparison {
  bench: string
  ours: Side & { commands(): Promise<Command[]> }
  script: Side
  /** Changes 5 % of the files. */
  change(round: number): Promise<void>
  /** By the night's name. */
  goals: Partial<Record<Night, number>>
}

export const nights = ['first', 'unchanged', '5 % changed'] as const
export type Night = (typeof nights)[number]

/** It is never the same day in both: so each night has another weekday than the one before, as nights do. */
export const zones = ['Etc/GMT-14', 'Etc/GMT+12'] as const

/** Nights of hdsync and of the script, turn by turn, in rounds that begin afresh; who is first changes with the round. */
export async function compareNights({ bench, ours, script, change, goals }: Comparison): Promise<Figure[]> {
  const ratios = new Series()
  const processor = new Series()
  const parts = new Series()
  for (let round = 0; round < rounds; round += 1) {
    await ours.fresh()
    await script.fresh()
    for (const [n, night] of nights.entries()) {
      if (night === '5 % changed') await change(round)
      const zone = zones[n % 2] ?? ''
      const taken = new Map<Side, Taken>()
      for (const side of round % 2 === 0 ? [ours, script] : [script, ours]) {
        taken.set(side, await side.night(zone))
      }
      const [one, other] = [taken.get(ours), taken.get(script)]
      const [oursMs = 0, scriptMs = 0] = [one?.wallMs, other?.wallMs]
      say(`${bench}: ${night}: hdsync ${seconds(oursMs)}, script ${seconds(scriptMs)}`)
      ratios.add(night, oursMs / scriptMs)
      if (one?.cpuSeconds && other?.cpuSeconds) processor.add(night, one.cpuSeconds / other.cpuSeconds)
      for (const [kind, ms] of Object.entries(shares(await ours.commands(), oursMs))) {
        if (ms > 0) parts.add(`${night}: ${kind}`, (100 * ms) / oursMs)
      }
    }
  }
  return [
    ...ratios
      .figures(bench, (night) => ({ unit: 'x', ...goalOf(goals[night as Night]) }))
      .map((figure) => ({ ...figure, what: `${figure.what} night, in times of the script` })),
    ...processor
      .figures(bench, () => ({ unit: 'x' }))
      .map((figure) => ({ ...figure, what: `  ${figure.what}: processor seconds, in times of the script` })),
    ...parts
      .figures(bench, () => ({ unit: '%' }))
      .map((figure) => ({ ...figure, what: `  of hdsync's time, ${figure.what}` })),
  ]
}

function goalOf(goal: number | undefined): { goal?: number } {
  return goal === undefined ? {} : { goal }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
