/** Spoils nights, and looks at what is left: `npm run torture -- --help`. Exits 1 when anything was found that may not be. */
import { fork } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { labAvailable } from '../machine.ts'
import { type PlanOptions, planTrials, type Trial } from './plan.ts'
import { tableOf } from './table.ts'
import type { Report, Work } from './worker.ts'

const help = `Spoils nights, and looks at what is left of them.

  --cuts N          power cuts
  --kills N         SIGKILLs of hdsync, rsync, lvcreate or tar
  --overlap N       times two hdsync are started at once
  --clock N         times the clock is moved in the middle
  --restores N      restores in place that are killed or cut off, and then ended or taken back
  --verifies N      verifications that are killed or cut off while they replace what has rotted
  --rescues N       rescues onto empty disks that are killed or cut off, and then go on
  --seed S          decides every moment; a number of its own unless given
  --only NAME       one trial of that seed alone, such as cut-7; may be given again
  --workers N       machines side by side; 1 unless given
  --results FILE    a line a trial; those that it has are not made again
  --limit N         at most so many more; 0 only says what there is
  --evidence DIR    takes what shows a fault
  --json            prints every trial

Example:
  npm run torture -- --cuts 50 --kills 50 --seed 1 --results torture.jsonl`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    cuts: { type: 'string', default: '0' },
    kills: { type: 'string', default: '0' },
    overlap: { type: 'string', default: '0' },
    clock: { type: 'string', default: '0' },
    restores: { type: 'string', default: '0' },
    verifies: { type: 'string', default: '0' },
    rescues: { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Date.now() % 10_000) },
    workers: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true, default: [] },
    evidence: { type: 'string' },
    results: { type: 'string' },
    limit: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(help)
  process.exit(0)
}
const lab = labAvailable()
if (!lab.ok) {
  console.error(lab.why)
  process.exit(2)
}
const plan: PlanOptions = {
  seed: values.seed,
  cuts: Number(values.cuts),
  kills: Number(values.kills),
  overlap: Number(values.overlap),
  clock: Number(values.clock),
  restores: Number(values.restores),
  verifies: Number(values.verifies),
  rescues: Number(values.rescues),
}
const trials = planTrials(plan).filter(({ name }) => values.only.length === 0 || values.only.includes(name))
const reports: Report[] = kept().filter(({ trial }) => trials.some(({ name }) => name === trial.name))
const left = trials
  .filter(({ name }) => !reports.some(({ trial }) => trial.name === name))
  .slice(0, values.limit === undefined ? undefined : Number(values.limit))
const evidence = values.evidence ?? join(tmpdir(), `hdsync-torture-${plan.seed}-${process.pid}`)
const workers = Math.min(Number(values.workers), left.length)
const startedAt = Date.now()
const shares = Array.from({ length: workers }, (_, worker) => left.filter((_, at) => at % workers === worker))
await Promise.all(shares.map(employ))

const bad = reports.filter(({ findings }) => findings.length > 0)
const complete = reports.length === trials.length && trials.length > 0
if (values.json) console.log(JSON.stringify({ command: commandOf(), reports }))
else {
  const minutes = Math.round((Date.now() - startedAt) / 60_000)
  console.log(`${commandOf()}  (${minutes} min)\n\n${tableOf(reports)}`)
  for (const { trial, evidence: folder } of bad) console.log(`${commandOf(trial)}\n  evidence: ${folder}`)
  if (!complete) console.log(`${trials.length - reports.length} trials were not made`)
}
process.exitCode = bad.length === 0 && complete ? 0 : 1

/** A machine of its own. */
function employ(share: Trial[]): Promise<void> {
  const child = fork(join(import.meta.dirname, 'worker.ts'))
  child.send({ trials: share, evidence } satisfies Work)
  child.on('message', (report: Report) => {
    reports.push(report)
    if (values.results) appendFileSync(values.results, `${JSON.stringify(report)}\n`)
    console.error(progressOf(report))
  })
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

function progressOf({ trial, hit, findings, tookMs }: Report): string {
  const { name, ...how } = trial
  const what = findings.map(({ fault, what }) => `\n  ${fault}: ${what}`).join('')
  const where = hit === undefined ? '' : ` at ${hit}`
  const result = findings.length === 0 ? 'good' : 'BAD '
  return `${reports.length}/${trials.length} ${result} ${name}${where} ${(tookMs / 1000).toFixed(0)} s ${JSON.stringify(how)}${what}`
}

/** What an earlier call has found, if it wrote it down. */
function kept(): Report[] {
  const { results } = values
  if (!results || !existsSync(results)) return []
  return readFileSync(results, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Report)
}

/** What does it again: everything, or one trial of it. */
function commandOf(trial?: Trial): string {
  const counts = (['cuts', 'kills', 'overlap', 'clock', 'restores', 'verifies', 'rescues'] as const)
    .filter((name) => plan[name] > 0)
    .map((name) => `--${name} ${plan[name]}`)
  const only = trial ? [trial.name] : values.only
  return [
    'npm run torture --',
    ...counts,
    `--seed ${plan.seed}`,
    ...only.map((name) => `--only ${name}`),
  ].join(' ')
}
