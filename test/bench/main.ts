/**
 * Benchmarks, none of which is a test: `npm run bench [-- [NAME…] [--json] [--large]]`. Every figure is a median, and every
 * comparison is made side by side in the same call; see README.md beside this file.
 */
import { parseArgs } from 'node:util'
import { bus } from './bus/main.ts'
import { chainOfNine } from './chain.ts'
import { copies } from './copies/main.ts'
import { firstFunction } from './first-function.ts'
import { nightLab, nightSpinning } from './night/lab.ts'
import { peers } from './night/peers.ts'
import { nightPlain, nightSmall } from './night/plain.ts'
import { snapshotLife } from './night/snapshot-life.ts'
import { ownShare } from './own-share.ts'
import { page } from './page.ts'
import { postEvents } from './post-events/main.ts'
import { queues } from './queues/main.ts'
import { restore } from './restore/main.ts'
import { scale } from './scale.ts'
import { startUp } from './start-up.ts'
import { verify } from './verify.ts'

export interface Figure {
  bench: string
  what: string
  value: number
  /** First and third quartile of what `value` is the median of. */
  spread?: readonly [number, number]
  unit: string
  /** What is to be reached; the value must not be above it. None for what only explains. */
  goal?: number
  /** The value must not be below the goal instead. */
  atLeast?: boolean
  /** Why it could not be measured here. */
  skipped?: string
}

interface Options {
  /** Sizes that take minutes. */
  large?: boolean | undefined
}

const benches: Record<string, (options: Options) => Promise<Figure[]>> = {
  bus,
  queues,
  chainOfNine,
  startUp,
  firstFunction,
  postEvents,
  ownShare,
  scale,
  nightPlain,
  nightSmall,
  nightLab,
  nightSpinning,
  snapshotLife,
  peers,
  restore,
  verify,
  copies,
  page,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, large: { type: 'boolean' } },
})
const figures: Figure[] = []
for (const [name, bench] of Object.entries(benches)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  const found = await bench(values)
  figures.push(...found)
  if (!values.json) for (const figure of found) console.log(lineOf(figure))
}
if (values.json) console.log(JSON.stringify(figures))
process.exit(0)

function lineOf({ bench, what, value, spread, unit, goal, atLeast = false, skipped }: Figure): string {
  const name = `${bench.padEnd(13)} ${what.padEnd(62)}`
  if (skipped) return `${name} skipped: ${skipped}`
  const between = spread ? spread.map((one) => one.toFixed(2)).join(' to ') : ''
  const measured = `${name} ${value.toFixed(2).padStart(8)} ${unit.padEnd(3)} (${between.padStart(14)})`
  if (goal === undefined) return measured
  const reached = atLeast ? value >= goal : value <= goal
  return `${measured}  goal ${atLeast ? '>=' : '<='} ${Number(goal.toFixed(2))}  ${reached ? 'reached' : 'MISSED'}`
}
