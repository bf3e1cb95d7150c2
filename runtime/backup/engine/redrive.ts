import {
  backupStart,
  catalogue,
  drillClean,
  drillFinish,
  drillJudge,
  drillRestore,
  drillRestored,
  drillStart,
  type Envelope,
  snapshotBefore,
  sourceBefore,
} from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import { checkSources } from '../../config/lookup.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import type { DeadLetter, Journal } from '../../core/bus/journal.ts'
import type { Clock } from '../../core/clock.ts'
import type { Dispatcher } from '../../core/dispatcher.ts'
import { newRunId } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { UsageError } from '../../errors.ts'
import { pausedBy } from '../proof/dead-paused.ts'
import { adviceForRestore } from '../restore/dead-restore.ts'
import { requestPublication } from './requests.ts'

/** The result of a redrive. */
export interface Redriven {
  /** The run that it is done in; empty for an event that belongs to none. */
  runId: string
  /** Whether that is a new run, as its own cannot go on. */
  restarted: boolean
}

interface RedriveOptions {
  bus: EventBus
  journal: Journal
  registry: Registry
  dispatcher: Dispatcher
  clock: Clock
  config: Config
}

/**
 * Redrives a dead letter. A notification is attempted again. A step of a run is not: the run went on without it, and its
 * snapshot is gone. So its sources are run again, and their other dead letters are closed too. A step of a restore or of a
 * drill is not redriven: `hdsync restore --resume` goes on with the one, and another drill does the other. Nor is one of a
 * verification or of copies.
 * @throws {UsageError} There is no such dead letter, nobody to take it, it is of a restore, or its source is not in the config
 *   any more.
 */
export async function redrive(id: number, options: RedriveOptions): Promise<Redriven> {
  const { bus, journal, registry, dispatcher } = options
  const letters = journal.dead()
  const letter = letters.find((one) => one.id === id)
  if (!letter) throw gone(id)
  if (!registry.get(letter.function)) {
    throw new UsageError(`there is no function ${letter.function} any more, which dead letter ${id} is for`, {
      hint: '`hdsync functions` lists those there are',
    })
  }
  if (registry.disabled.has(letter.function)) {
    throw new UsageError(`${letter.function} is disabled, which dead letter ${id} is for`, {
      hint: `hdsync functions enable ${letter.function}`,
    })
  }
  const hint = adviceForRestore(letter)
  if (hint !== undefined) {
    throw new UsageError(`dead letter ${id} is a step of a restore, which is not redriven`, { hint })
  }
  const paused = pausedBy(letter)
  if (paused) {
    const { what, hint } = paused
    throw new UsageError(`dead letter ${id} is a step of ${what}, which is not redriven`, { hint })
  }
  if (isDrillStep(letter)) {
    throw new UsageError(`dead letter ${id} is a step of a drill, which is not redriven`, {
      hint: 'hdsync drill makes a new one',
    })
  }
  if (isStep(letter, registry)) return restart(letter, letters, options)
  if (!(await bus.redrive(id))) throw gone(id)
  dispatcher.wake()
  return { runId: letter.event.runid ?? '', restarted: false }
}

async function restart(
  letter: DeadLetter,
  letters: readonly DeadLetter[],
  { bus, registry, dispatcher, clock, config }: RedriveOptions,
): Promise<Redriven> {
  const all = Object.keys(config.sources)
  const wantedBy = ({ event }: DeadLetter) => sourcesOf(event) ?? sourcesOf(startOf(event, bus)) ?? all
  const sources = wantedBy(letter)
  checkSources(sources, config)
  const covered = letters.filter(
    (one) => isStep(one, registry) && wantedBy(one).every((name) => sources.includes(name)),
  )
  const runId = newRunId()
  const wish = { type: backupStart.type, data: { sources } }
  const publication = requestPublication(wish, registry, { now: clock.now(), runId })
  const ids = covered.map(({ id }) => id)
  if (!(await bus.replace(ids, publication))) throw gone(letter.id)
  dispatcher.announce([publication])
  return { runId, restarted: true }
}

/**
 * Whether it is a step of a backup, which went on without it. `snapshot.before` and `source.before` are of no use
 * without what they prepare; `snapshot.after` and `source.after`, which undo it, are.
 */
function isStep(letter: DeadLetter, registry: Registry): boolean {
  if (adviceForRestore(letter) !== undefined || pausedBy(letter) || isDrillStep(letter)) return false
  const { function: name, event } = letter
  const aside = registry.get(name)?.definition.spec.aside === true
  const before = [snapshotBefore.type, sourceBefore.type] as string[]
  const asked = catalogue.get(event.type)?.external === false || before.includes(event.type)
  return asked && !aside
}

/** Whether it is a step of a drill, or a function's that was to judge one: what that was about is removed. */
function isDrillStep({ event: { type } }: DeadLetter): boolean {
  return drillSteps.some((step) => step.type === type)
}

const drillSteps = [drillStart, drillRestore, drillRestored, drillJudge, drillClean, drillFinish]

/** The sources that an event names; undefined when it names none. */
function sourcesOf(event: Envelope | undefined): string[] | undefined {
  const { source, sources, rest } = (event?.data ?? {}) as {
    source?: string
    sources?: string[]
    rest?: string[]
  }
  const named = source === undefined ? (sources ?? rest) : [source]
  return named?.length ? named : undefined
}

function startOf({ runid }: Envelope, bus: EventBus): Envelope | undefined {
  return runid === undefined
    ? undefined
    : bus.events({ runId: runid, types: [backupStart.type], limit: 1 })[0]
}

function gone(id: number): UsageError {
  return new UsageError(`there is no dead letter ${id}`, { hint: '`hdsync dead` lists them' })
}
