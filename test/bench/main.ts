/**
 * Benchmarks, none of which is a test: `npm run bench [NAME…] [-- --json]`. Every figure is a median, and every
 * comparison is made side by side in the same call; see README.md beside this file.
 */
import { parseArgs } from 'node:util'
import { chainOfNine } from './chain.ts'
import { nightLab } from './night/lab.ts'
import { peers } from './night/peers.ts'
import { nightPlain } from './night/plain.ts'
import { snapshotLife } from './night/snapshot-life.ts'
import { ownShare } from './own-share.ts'
import { postEvents } from './post-events/main.ts'
import { startUp } from './start-up.ts'

export interface Figure {
  bench: string
  what: string
  value: number
  unit: string
  /** What is to be reached; the value must not be above it. None for what only explains. */
  goal?: number
  /** The lowest and the highest of what the value is the median of. */
  spread?: readonly [number, number]
  /** Why it could not be measured here. */
  skipped?: string
}

const benches: Record<string, () => Promise<Figure[]>> = {
  chainOfNine,
  ownShare,
  postEvents,
  startUp,
  nightPlain,
  nightLab,
  snapshotLife,
  peers,
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } })
const figures: Figure[] = []
for (const [name, bench] of Object.entries(benches)) {
  if (positionals.length === 0 || positionals.includes(name)) figures.push(...(await bench()))
}
if (values.json) console.log(JSON.stringify(figures))
else {
  for (const { bench, what, value, unit, goal, spread, skipped } of figures) {
    const name = `${bench.padEnd(12)} ${what.padEnd(60)}`
    const range = spread ? spread.map((end) => end.toFixed(2)).join('..') : ''
    const verdict =
      goal === undefined ? '' : `goal ${Number(goal.toFixed(2))}  ${value <= goal ? 'reached' : 'MISSED'}`
    const measured =
      `${value.toFixed(2).padStart(8)} ${unit.padEnd(3)} ${range.padEnd(14)} ${verdict}`.trimEnd()
    console.log(`${name} ${skipped ? `skipped: ${skipped}` : measured}`)
  }
}
process.exit(0)
