import { slotAwaited, slotTaken } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import type { Journal } from '../../core/bus/journal.ts'
import type { Clock } from '../../core/clock.ts'
import type { Dispatcher } from '../../core/dispatcher.ts'
import type { EngineObserver } from '../../core/observers.ts'
import type { RunEnds } from '../../core/run-ends.ts'
import { InterruptedError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { endOrphans } from '../../host/command/orphans.ts'
import { endPrograms } from '../../host/command/programs.ts'
import { createHost, type HostOptions, programsFolder } from '../../host/host.ts'
import { sweep } from '../../host/leftovers.ts'
import { resumeSources } from '../../host/lvm/half-made.ts'

interface ReconcilerOptions {
  bus: EventBus
  journal: Journal
  dispatcher: Dispatcher
  ends: RunEnds
  config: Config
  observer: EngineObserver
  hostOptions: Omit<HostOptions, 'observer' | 'signal'>
  /** Since the last process used the store. */
  machineWentDown: boolean
  clock: Clock
}

/**
 * Cleans up after a process that was killed or lost power. The caller holds the lock, so claims have no owner any more.
 *
 * A run that was under way is ended, not continued: its steps are given up as interrupted, and functions marked `always`
 * clean up. The next run copies the rest; rsync makes that cheap. A run that had not begun is kept.
 *
 * Then snapshots and mounts that carry our mark and belong to no run are removed.
 */
export async function reconcile(options: ReconcilerOptions): Promise<void> {
  const { bus, journal, dispatcher, ends, observer, hostOptions } = options
  const warn = (message: string) => observer.onWarning?.(message)
  await endOrphans(hostOptions.store, warn)
  await endPrograms(programsFolder(hostOptions.runtimeDirectory), warn)
  await bus.reclaim('interrupted: hdsync or the machine stopped', options.clock.now())
  const { interrupted, untouched } = begunRuns(options)
  for (const runId of untouched) await bus.holdBack(runId)
  if (interrupted.length > 0) await beforehand(options)
  const reason = new InterruptedError(options.machineWentDown)
  for (const runId of interrupted) {
    observer.onWarning?.(`run ${runId} was interrupted: it is being ended, and what it left put in order`)
    await dispatcher.endRun(runId, reason)
  }
  dispatcher.start()
  await Promise.all(interrupted.map((runId) => ends.wait(runId)))
  const isLive = (runId: string) => {
    const run = journal.run(runId)
    return run !== undefined && !run.end
  }
  const isOver = (runId: string) => {
    const run = journal.run(runId)
    return run?.id === runId && run.end !== undefined
  }
  for (const message of await sweep(options.config, hostOptions, isLive, isOver))
    observer.onWarning?.(message)
}

/**
 * What has to come before the functions of an interrupted run: its volumes may be suspended. Its half-written archive is
 * removed if the target is mounted now; otherwise when a run opens the target.
 */
async function beforehand({ config, hostOptions, observer }: ReconcilerOptions): Promise<void> {
  const signal = AbortSignal.timeout(60_000)
  const runner = createRunner({ observer: unobserved, signal, owner: hostOptions.store })
  // If LVM cannot be used, its sources will report it.
  const resumed = await resumeSources(config, runner).catch(() => [])
  for (const message of resumed) observer.onWarning?.(message)
  const target = config.targets[config.archive?.target ?? '']
  if (!target) return
  const { targets, archives } = createHost({ ...hostOptions, observer: unobserved, signal })
  try {
    await targets.prove(target)
    await archives.tidy(target)
  } catch {
    // The next run reports what is wrong with the target, if anything.
  }
}

/** What a run has on record before it has begun. */
const beforeIt: ReadonlySet<string> = new Set([slotAwaited, slotTaken].map(({ type }) => type))

/**
 * Runs that have not ended and are not held back, by whether they have begun. A hundred thousand may be held back: no query
 * for each of them.
 */
function begunRuns({ journal, bus }: ReconcilerOptions): { interrupted: string[]; untouched: string[] } {
  const waiting = new Set(bus.heldRuns())
  const others = journal.unended().filter((runId) => !waiting.has(runId))
  const hasBegun = (runId: string) =>
    bus.open(runId).every(({ tries }) => tries > 0) ||
    bus.events({ runId, limit: 4 }).filter(({ type }) => !beforeIt.has(type)).length > 1
  const { interrupted = [], untouched = [] } = Object.groupBy(others, (runId) =>
    hasBegun(runId) ? 'interrupted' : 'untouched',
  )
  return { interrupted, untouched }
}
