import { setTimeout as sleep } from 'node:timers/promises'
import { backupStart, type InputOf, type RunResult } from '../../events/index.ts'
import { lockHolder } from '../bus/sqlite/lock-holder.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { checkSources } from '../config/lookup.ts'
import { type Engine, openEngine } from '../engine/engine.ts'
import { tellHooks } from '../engine/last-words.ts'
import { summarise } from '../engine/summary.ts'
import { CancelledError, UsageError } from '../errors.ts'
import { exitCodeOf, exitCodes, signalExitCodes } from './exit-codes.ts'
import type { Io } from './io.ts'
import { daemonOf, followRemote } from './remote.ts'
import { readPast } from './store.ts'
import { viewFor } from './view/choose.ts'
import type { View } from './view/lines.ts'
import { resultText } from './view/result.ts'

const hookPatienceMs = 5000

export interface RunOptions {
  config?: string
  json?: boolean
  quiet?: boolean
}

/** `hdsync run`: starts a run, follows it, and says how it went. */
export async function runCommand(sources: string[], options: RunOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  checkSources(sources, config)
  return follow(config, options, io, () => (sources.length > 0 ? { sources } : {}))
}

/** What is read of the past to know what to ask for. */
export type Past = Pick<Engine, 'bus' | 'journal'>

/**
 * Runs one backup and follows it: the daemon does it where there is one, this process otherwise, as the only one on
 * the state directory.
 * @param request What to start, asked for once the store is open.
 */
export async function follow(
  config: Config,
  options: RunOptions,
  io: Io,
  request: (past: Past) => InputOf<typeof backupStart>,
): Promise<number> {
  const view = await viewFor(config, options, io)
  for (const warning of config.warnings) view.note(warning)
  const print = (result: RunResult) => {
    view.end()
    io.stdout(options.json ? `${JSON.stringify(result)}\n` : resultText(result, io.colour))
  }
  try {
    const daemon = await daemonOf(config)
    if (!daemon) return await followHere(config, view, request, print)
    const { exitCode, result } = await followRemote(daemon, readPast(config, request), view)
    if (result) print(result)
    return exitCode
  } finally {
    view.end()
  }
}

async function followHere(
  config: Config,
  view: View,
  request: (past: Past) => InputOf<typeof backupStart>,
  print: (result: RunResult) => void,
): Promise<number> {
  let engine: Engine | undefined
  try {
    engine = await openEngine({ config, observer: view }).catch(async (error: Error) => {
      await tellHooks(error, config)
      throw error
    })
    if (!engine) {
      const holder = lockHolder(config.state)
      view.note(
        `another hdsync${holder ? ` (process ${holder})` : ''} is at work on ${config.state}: nothing was started`,
      )
      return exitCodes.busy
    }
    return await runOnce(engine, config, view, request, print)
  } finally {
    await engine?.stop()
  }
}

async function runOnce(
  engine: Engine,
  config: Config,
  view: View,
  request: (past: Past) => InputOf<typeof backupStart>,
  print: (result: RunResult) => void,
): Promise<number> {
  const stop = new AbortController()
  const unlisten = onSignals(view, stop)
  try {
    stop.signal.addEventListener('abort', () => {
      for (const runId of engine.journal.unended()) {
        engine.dispatcher.endRun(runId, stop.signal.reason).catch(() => {})
      }
    })
    await engine.start()
    stop.signal.throwIfAborted()
    const runId = await engine.trigger(backupStart, request(engine))
    await engine.ended(runId)
    await hooksDone(engine, config, stop.signal)
    const result = resultOf(engine, runId)
    print(result)
    const signal = (stop.signal.reason as CancelledBySignal | undefined)?.signal
    return (result.state === 'cancelled' && signal && signalExitCodes[signal]) || exitCodeOf(result.state)
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

/**
 * Each hook has its say, once: one that waits to be tried again is left to the next start, and one that is tried again
 * and hangs is waited for no longer than it may take. Somebody who has pressed Ctrl-C waits for none that hangs.
 */
async function hooksDone({ dispatcher }: Engine, { notify }: Config, stopped: AbortSignal): Promise<void> {
  const { aborted } = stopped
  const longestMs = aborted ? 0 : Math.max(...notify.map(({ timeoutMs }) => timeoutMs), 0)
  await Promise.race([dispatcher.idle(), sleep(longestMs + hookPatienceMs, undefined, { ref: false })])
  if (aborted) await dispatcher.abandon(stopped.reason)
}

/** How a run went, or stands. @throws {UsageError} It is not known. */
export function resultOf(engine: Pick<Engine, 'bus' | 'journal'>, runId: string): RunResult {
  const run = engine.journal.run(runId)
  if (!run) throw new UsageError(`there is no run ${runId}`, { hint: 'hdsync runs lists them' })
  return summarise(engine.bus.events({ runId: run.id }), run, null)
}

class CancelledBySignal extends CancelledError {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(`cancelled by ${signal}`)
    this.signal = signal
  }
}

/** The first signal cancels in order, which takes a moment; the second one leaves it to the next start. */
function onSignals(view: View, stop: AbortController): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const listener = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) {
      view.end()
      process.exit(signalExitCodes[signal])
    }
    view.note(`${signal}: stopping, and removing the snapshots (once more to leave that to the next start)`)
    stop.abort(new CancelledBySignal(signal))
  }
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}
