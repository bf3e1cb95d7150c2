import type { Figure } from '../main.ts'
import { Series, say } from './figures.ts'
import type { Usage } from './measured.ts'
import { rounds } from './scale.ts'
import { type Command, shares } from './shares.ts'

/** One of two programs that back up the same. */
export interface Side {
  /** Empties its mirrors and archives, and makes what it has to have before its first night. */
  fresh(): Promise<void>
  /**
   * @param zone Where it is the weekday that the night belongs to.
   * @param before Words before those of the program, such as `taskset -c 0`.
   */
  night(zone: string, before?: readonly string[]): Promise<Taken>
}

/** What a night took; processor seconds where they can be told. */
export type Taken = Pick<Usage, 'wallMs'> & Partial<Pick<Usage, 'cpuSeconds'>>

export interface Comparison {
  bench: string
  ours: Side & { commands(): Promise<Command[]> }
  script: Side
  /** What a first night is compared with besides: a copy and an archive of it, by bare programs. Begins from nothing. */
  bare?: { what: string; goal: number; night(): Promise<Taken> }
  /** Unless given, those of `nights`. */
  nights?: readonly Night[]
  /** Changes 5 % of the files. */
  change(round: number): Promise<void>
  /** By the night's name. */
  goals: Partial<Record<Night, number>>
}

export const nights = ['first', 'unchanged', '5 % changed'] as const
export const fiveNights = [...nights, 'unchanged after a change', '5 % changed, one core'] as const
export type Night = (typeof fiveNights)[number]

/** It is never the same day in both: so each night has another weekday than the one before, as nights do. */
export const zones = ['Etc/GMT-14', 'Etc/GMT+12'] as const

/** Nights of hdsync and of the script, turn by turn, in rounds that begin afresh; who is first changes with the round. */
export async function compareNights(comparison: Comparison): Promise<Figure[]> {
  const { bench, ours, script, bare, nights: series = nights, change, goals } = comparison
  const ratios = new Series()
  const processor = new Series()
  const parts = new Series()
  const counts = new Series()
  for (let round = 0; round < rounds; round += 1) {
    await ours.fresh()
    await script.fresh()
    for (const [n, night] of series.entries()) {
      if (night.startsWith('5 % changed')) await change(series.length * round + n)
      const zone = zones[n % 2] ?? ''
      const before = night.endsWith('one core') ? ['taskset', '--cpu-list', '0'] : []
      const taken = new Map<Side, Taken>()
      for (const side of round % 2 === 0 ? [ours, script] : [script, ours]) {
        taken.set(side, await side.night(zone, before))
      }
      const [one, other] = [taken.get(ours), taken.get(script)]
      const [oursMs = 0, scriptMs = 0] = [one?.wallMs, other?.wallMs]
      say(`${bench}: ${night}: hdsync ${seconds(oursMs)}, script ${seconds(scriptMs)}`)
      ratios.add(`${night} night, in times of the script`, oursMs / scriptMs)
      if (bare && night === 'first') {
        ratios.add(`${night} night, in times of ${bare.what}`, oursMs / (await bare.night()).wallMs)
      }
      if (one?.cpuSeconds && other?.cpuSeconds) processor.add(night, one.cpuSeconds / other.cpuSeconds)
      const commands = await ours.commands()
      const ofSources = commands.filter(({ source }) => source !== null)
      const sources = new Set(ofSources.map(({ source }) => source)).size
      counts.add(night, ofSources.length / sources)
      for (const [kind, ms] of Object.entries(shares(commands, oursMs))) {
        if (ms > 0) parts.add(`${night}: ${kind}`, (100 * ms) / oursMs)
      }
    }
  }
  const goalOf = (what: string) => {
    if (bare && what.endsWith(bare.what)) return { goal: bare.goal }
    const goal = goals[what.replace(/ night, .*/, '') as Night]
    return goal === undefined ? {} : { goal }
  }
  return [
    ...ratios.figures(bench, (what) => ({ unit: 'x', ...goalOf(what) })),
    ...processor
      .figures(bench, () => ({ unit: 'x' }))
      .map((figure) => ({ ...figure, what: `  ${figure.what}: processor seconds, in times of the script` })),
    ...counts
      .figures(bench, () => ({ unit: '', goal: 10 }))
      .map((figure) => ({ ...figure, what: `  ${figure.what}: commands started for a source` })),
    ...parts
      .figures(bench, () => ({ unit: '%' }))
      .map((figure) => ({ ...figure, what: `  of hdsync's time, ${figure.what}` })),
  ]
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
