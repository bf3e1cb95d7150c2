import { setTimeout as sleep } from 'node:timers/promises'
import { makesWay } from '../backup/engine/turns.ts'
import { readersEndAfterMs } from '../backup/engine/when-due.ts'
import type { Engine } from '../backup/engine.ts'
import { openEngine } from '../backup/open-engine.ts'
import { backupKind, type RunReport, reportOn, waitedFor } from '../backup/run-report.ts'
import type { Config } from '../config/config.ts'
import { heldFloor } from '../core/bus/bus.ts'
import type { RunRow } from '../core/bus/journal.ts'
import { lockHolder } from '../core/bus/sqlite/lock-holder.ts'
import { cancellerNamed, cancelReason } from '../core/cancel-reason.ts'
import { CancelledError, HdsyncError, UsageError } from '../errors.ts'
import { loadWays } from '../host/notify/hooks.ts'
import { askHolder, isHdsync } from './daemon/ask-holder.ts'
import { takeCancelNote } from './daemon/cancel-note.ts'
import { borrowerOf } from './daemon/lease.ts'
import { exitCodeOf, exitCodes, signalExitCodes } from './exit-codes.ts'
import { isHeldLong } from './failure/held-long.ts'
import { tellFailure } from './failure/tell.ts'
import { sendBeforeLeaving } from './fleet/part.ts'
import type { Io } from './io.ts'
import { loadAhead } from './load-ahead.ts'
import { onEndingSignals } from './signals.ts'
import { readJournal } from './store.ts'
import type { View } from './view/lines.ts'

const hookPatienceMs = 5000
/** What its hub is still to be told keeps a process so long at most; the rest goes with the next one. */
const leavingMs = 10_000

/** An engine in this process, for one command. */
export interface InProcess {
  engine: Engine
  /** Aborted by Ctrl-C and the like; what is going on is then ended in order. */
  stopped: AbortSignal
  /** Follows a run to its end. @returns How it went, and what the process ends with. */
  follow(runId: string): Promise<{ result: RunReport; exitCode: number }>
}

/** For what a command waits before it gives up as another process is at work. */
export interface Patience {
  /** For which kinds of runs; for restores unless given. */
  waitsFor?: (kind: string) => boolean
  /**
   * How long for a process that is at no run. With it, hooks are told of a night that another process has kept from
   * beginning: at no run, or at one that began half a day ago.
   */
  patienceMs?: number
}

/**
 * Does a command's work in this process, as the only one on the state directory.
 * @param work Called once the engine is at work. @returns What the process ends with.
 */
export async function workInProcess(
  config: Config,
  view: View,
  io: Io,
  work: (here: InProcess) => Promise<number>,
  { waitsFor = waitedFor, patienceMs = 0 }: Patience = {},
): Promise<number> {
  let engine: Engine | undefined
  try {
    const observer = loadAhead(() => loadWays(config.notify), view)
    const open = () =>
      openEngine({ config, observer }).catch(async (error: Error) => {
        await tellFailure(error, config, io)
        throw error
      })
    engine = await open()
    const since = Date.now()
    const asked = new Set<string>()
    for (let isTold = false; !engine; isTold = true) {
      const borrower = borrowerOf(config.state)
      const run = runAtWork(config)
      const kind = borrower ? 'look into backups' : run?.kind
      if (run && waitsFor === waitedFor && makesWay(run.kind)) askToMakeWay(config, run.id, asked)
      if (kind === undefined ? Date.now() - since >= patienceMs : !borrower && !waitsFor(kind)) break
      const what = kind === 'verify' ? 'verification' : kind === 'copy' ? 'copying' : kind
      if (!isTold) view.note(`waits for ${what ? `the ${what} that another hdsync is at` : 'another hdsync'}`)
      if (borrower?.kind === 'read' && Date.now() - since > readersEndAfterMs) endReader(borrower.pid)
      await sleep(pollMs)
      engine = await open()
    }
    if (!engine) {
      const holder = lockHolder(config.state)
      const reason = `another hdsync${holder ? ` (process ${holder})` : ''} is at work on ${config.state}: nothing was started`
      view.note(reason)
      if (patienceMs > 0 && isHeldLong(runAtWork(config)?.startedAt)) {
        await tellFailure(new HdsyncError(reason), config, io)
      }
      return exitCodes.busy
    }
    return await workIn(engine, config, view, work)
  } finally {
    await engine?.stop()
  }
}

/** The run that another process is at; undefined also where the store cannot be read. */
function runAtWork(config: Config): RunRow | undefined {
  try {
    return readJournal(config, (journal) => journal.unended().flatMap((id) => journal.run(id) ?? [])[0])
  } catch {
    return undefined
  }
}

const pollMs = 500

/** Another process may be at it for hours: it pauses, and goes on at another time. @param asked Runs of which it was asked that. */
function askToMakeWay({ state }: Config, run: string, asked: Set<string>): void {
  const holder = lockHolder(state)
  if (asked.has(run) || holder === undefined || !isHdsync(holder)) return
  asked.add(run)
  try {
    askHolder(state, holder, run)
  } catch {
    // It has left.
  }
}

/** It unmounts what it has mounted, and leaves. */
function endReader(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM')
  } catch {
    // It has left.
  }
}

async function workIn(
  engine: Engine,
  config: Config,
  view: View,
  work: (here: InProcess) => Promise<number>,
): Promise<number> {
  const stop = new AbortController()
  const unlisten = onSignals(engine, view, config, stop)
  const mine = new Set<string>()
  const waitingBefore = waitingCount(engine)
  try {
    stop.signal.addEventListener('abort', () => {
      // Runs that others have asked for wait for the next start.
      engine.hold()
      for (const runId of engine.journal.unended()) {
        if (waits(runId, engine) && !mine.has(runId)) continue
        engine.dispatcher.endRun(runId, stop.signal.reason).catch(() => {})
      }
    })
    await engine.start()
    stop.signal.throwIfAborted()
    const exitCode = await work({
      engine,
      stopped: stop.signal,
      async follow(runId) {
        mine.add(runId)
        if (stop.signal.aborted) await engine.dispatcher.endRun(runId, stop.signal.reason)
        await engine.ended(runId)
        await hooksDone(engine, config, stop.signal)
        const result = resultOf(engine, runId)
        const { signal } = (stop.signal.reason ?? {}) as Partial<CancelledBySignal>
        const cancelled = result.state === 'cancelled' && signal && signalExitCodes[signal]
        return { result, exitCode: cancelled || exitCodeOf(result.state) }
      },
    })
    // A restore, say, has told nothing: what still waits goes with the next run, and keeps nobody from the store now.
    if (!stop.signal.aborted && waitingCount(engine) > waitingBefore) {
      // What begins now would be dropped in a moment: it is left to the next process.
      engine.hold()
      await sendBeforeLeaving(config, engine, {
        note: view.note,
        withinMs: leavingMs,
        attempts: 2,
        signal: stop.signal,
      })
    }
    return exitCode
  } catch (error) {
    const signal = error instanceof CancelledBySignal ? error.signal : undefined
    if (signal) return signalExitCodes[signal] ?? exitCodes.failed
    // What was asked for wrongly is no news for hooks; that the night cannot be is.
    if (!(error instanceof UsageError)) await engine.abandon(error as Error)
    throw error
  } finally {
    unlisten()
  }
}

/** How many events the hub of a fleet has not confirmed. */
function waitingCount({ fleet }: Engine): number {
  return fleet.outbox?.waiting().count ?? 0
}

function waits(runId: string, { bus }: Engine): boolean {
  return bus.open(runId).every(({ runAt }) => runAt >= heldFloor)
}

/**
 * Each hook has its say, once: one that waits to be tried again is left to the next start, and one that is tried again
 * and hangs is waited for no longer than it may take. Somebody who has pressed Ctrl-C waits for none that hangs.
 */
export async function hooksDone(
  { dispatcher }: Engine,
  { notify }: Config,
  stopped?: AbortSignal,
): Promise<void> {
  const aborted = stopped?.aborted ?? false
  const longestMs = aborted ? 0 : Math.max(...notify.map(({ timeoutMs }) => timeoutMs), 0)
  await Promise.race([dispatcher.idle(), sleep(longestMs + hookPatienceMs, undefined, { ref: false })])
  if (stopped?.aborted) await dispatcher.abandon(stopped.reason)
}

/** How a run went, or stands. @throws {UsageError} It is not known. */
export function resultOf({ bus, journal }: Pick<Engine, 'bus' | 'journal'>, runId: string): RunReport {
  const run = journal.run(runId)
  if (!run) throw new UsageError(`there is no run ${runId}`, { hint: 'hdsync runs --all lists them' })
  return reportOn(run, {
    events: () => bus.events({ runId: run.id }),
    tallies: (id) => journal.tallies(id),
  })
}

class CancelledBySignal extends CancelledError {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals, by = cancellerNamed(signal)) {
    super(cancelReason(by))
    this.signal = signal
  }
}

/** The first signal cancels in order, which takes a moment; the second one leaves it to the next start. */
function onSignals(engine: Engine, view: View, config: Config, stop: AbortController): () => void {
  return onEndingSignals((signal) => {
    const asked = signal === 'SIGINT' ? takeCancelNote(config.state) : undefined
    if (asked !== undefined && engine.journal.run(asked)?.kind !== backupKind) {
      engine.cancel(asked, cancelReason('command')).catch((error: Error) => view.note(error.message))
      return
    }
    if (stop.signal.aborted) {
      view.end()
      process.exit(signalExitCodes[signal])
    }
    view.note(`${signal}: stopping, and removing the snapshots (once more to leave that to the next start)`)
    stop.abort(new CancelledBySignal(signal, asked === undefined ? undefined : 'command'))
  })
}
