import type { Config, Target } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { hintOf, TerminalError, UsageError } from '../../errors.ts'
import { doorText } from '../../host/target/doors.ts'
import { didYouMean } from '../../nearest.ts'
import { lackText } from '../checks/attributes.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { notRoot, rootNeededToAdopt } from '../needs-root.ts'
import { type Adoption, adoptTarget } from './adopt.ts'

export interface AdoptOptions {
  config?: string
  all?: boolean
  again?: boolean
  takeOver?: boolean
  json?: boolean
}

/** One target, and what came of adopting it. */
interface Outcome {
  target: Target
  adoption?: Adoption
  problem?: Error
}

/**
 * `hdsync target adopt`: says that this disk or folder is the target, by writing the marker file that every run asks
 * for, and closes it. With `--all` each target of the config; what keeps one from it is said, and the others go on.
 */
export async function adoptCommand(name: string | undefined, options: AdoptOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const outcomes: Outcome[] = []
  const wanted = wantedOf(name, options, config)
  const reason = rootNeededToAdopt(wanted)
  if (reason) throw notRoot(reason, `target adopt ${name ?? '--all'}`)
  for (const target of wanted) {
    const { again, takeOver } = options
    const outcome: Outcome = { target }
    try {
      const adoption = await adoptTarget(config, target, { again, takeOver })
      if (!adoption) {
        io.stderr(`hdsync: another hdsync is at work on ${config.state}: nothing was changed\n`)
        return exitCodes.busy
      }
      outcome.adoption = adoption
    } catch (error) {
      if (!options.all || !(error instanceof TerminalError)) throw error
      outcome.problem = error
    }
    outcomes.push(outcome)
    if (!options.json) tell(outcome, io)
  }
  if (options.json) {
    const told = outcomes.map(asJson)
    io.stdout(`${JSON.stringify(options.all ? told : told[0])}\n`)
  }
  if (outcomes.some(({ problem }) => problem)) return exitCodes.failed
  const isDoubtful = outcomes.some(
    ({ adoption }) => adoption?.doors.length || adoption?.probed?.lacks.some(({ isGrave }) => isGrave),
  )
  return isDoubtful ? exitCodes.degraded : exitCodes.succeeded
}

function wantedOf(name: string | undefined, { all }: AdoptOptions, config: Config): Target[] {
  const known = Object.keys(config.targets)
  if (all && name === undefined) return Object.values(config.targets)
  if (all || name === undefined) {
    throw new UsageError(all ? 'either a target is named, or --all are meant' : 'which target?', {
      hint: `hdsync target adopt --all, or one of ${known.join(', ')}`,
    })
  }
  const target = config.targets[name]
  if (target) return [target]
  throw new UsageError(`there is no target ${JSON.stringify(name)} in ${config.file}`, {
    hint: didYouMean(name, known) ?? `it has ${known.join(', ')}`,
  })
}

function asJson({ target: { name, path }, adoption, problem }: Outcome) {
  if (!adoption) return { target: name, path, problem: problem?.message }
  const { isNew, marker, closed, doors, taken, probed } = adoption
  return {
    target: name,
    path: adoption.path,
    adopted: isNew,
    id: marker.id,
    closed,
    open: doors.map(({ reason }) => reason),
    taken: taken.map(({ source }) => source),
    lacks: probed?.lacks.map(({ what }) => what) ?? [],
  }
}

function tell({ target: given, adoption, problem }: Outcome, io: Io): void {
  if (!adoption) {
    io.stderr(`hdsync: ${problem?.message}\n`)
    const hint = hintOf(problem)
    if (hint) io.stderr(`  ${hint}\n`)
    return
  }
  const { isNew, onRoot, inMemory, closed, doors, by, taken, probed, path } = adoption
  const target = { ...given, path }
  const whose = by === undefined ? '' : ` (adopted by ${by})`
  io.stdout(`${path} is target ${target.name} ${isNew ? 'now' : 'already'}${whose}\n`)
  if (closed && doors.every(({ kind }) => kind !== 'open')) {
    io.stdout(`  it was open to others than root, and is closed now (mode 0700)\n`)
  }
  for (const { source, from } of taken) {
    io.stdout(
      `  ${source}: mirror and archives are taken over from host ${from.host} (since ${from.since})\n`,
    )
  }
  for (const door of doors) io.stderr(`hdsync: ${doorText(door)}\n`)
  if (inMemory) {
    io.stderr(`hdsync: ${path} lies in memory: the backup is gone when the machine goes down\n`)
  }
  for (const lack of probed?.lacks ?? []) io.stderr(`hdsync: ${lackText(lack, target, probed)}\n`)
  if (probed?.lacks.length) io.stderr(`  ${probed.remedy}\n`)
  if (onRoot) {
    io.stderr(
      `hdsync: ${path} lies on the root file system: if a disk should be mounted there, adopt it again when it is\n`,
    )
  }
}
