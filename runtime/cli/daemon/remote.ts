import { setTimeout as sleep } from 'node:timers/promises'
import type { BackupRequest, Envelope, RunResult } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import { UsageError } from '../../errors.ts'
import type { Progress } from '../../progress.ts'
import { commandSource } from '../command-source.ts'
import { exitCodeOf, exitCodes, signalExitCodes } from '../exit-codes.ts'
import { onEndingSignals } from '../signals.ts'
import type { View } from '../view/lines.ts'
import { asked, connectDaemon, type Daemon, DaemonError, type StreamMessage } from './client.ts'
import { daemonStatus } from './local.ts'

/** How often, and with what pause, a connection that broke is taken up again. */
const reconnections = 5
const pauseMs = 1000

export interface Followed {
  /** A number that the process ends with. */
  exitCode: number
  result: RunResult | undefined
  /** The run that is going on, where nothing was started for that. */
  going?: string
}

/**
 * Finds the daemon of a config, and sees that it works by the very text that this process has read: it is told to
 * read it again if not.
 * @returns undefined when there is none.
 * @throws {UsageError} It works by another file.
 */
export async function daemonOf(config: Config): Promise<Daemon | undefined> {
  const daemon = await connectDaemon(config)
  if (!daemon) return undefined
  const theirs = daemonStatus.parse(await daemon.get('/status'))
  if (theirs.digest === config.digest) return daemon
  if (theirs.config !== config.file) {
    throw new UsageError(
      `the hdsync that listens on ${daemon.path} works by ${theirs.config}, not by ${config.file}`,
      {
        hint: `name that file, or give ${config.file} a \`state\` of its own`,
      },
    )
  }
  await daemon.post('/reload')
  return daemon
}

/** What is to be run: some sources or all, or what a hold keeps back. */
export type Wish =
  | { data: BackupRequest; safe?: boolean; noSlot?: boolean }
  | { release: string; sources: string[] }

/** Has the daemon do a backup, and follows it to its end. */
export async function followRemote(daemon: Daemon, wish: Wish, view: View): Promise<Followed> {
  let going = ''
  const runId = await beginRun(daemon, wish).catch((error) => {
    if (!(error instanceof DaemonError) || error.status !== 409) return asked(Promise.reject(error))
    going = error.message
    view.note(`run ${going} is going on: nothing was started (hdsync show ${going})`)
  })
  if (runId === undefined) return { exitCode: exitCodes.busy, result: undefined, going }
  return followRun(daemon, runId, view)
}

/** Follows a run of the daemon's to its end. Signals cancel it, as they do in this process. */
export async function followRun(
  daemon: Daemon,
  runId: string,
  view: View,
): Promise<{ exitCode: number; result: RunResult }> {
  let signal: NodeJS.Signals | undefined
  const unlisten = onEndingSignals((received) => {
    if (signal) process.exit(signalExitCodes[received])
    signal = received
    view.note(`${received}: cancelling run ${runId} (once more to leave it to the daemon)`)
    daemon.post(`/runs/${runId}/cancel?by=${received}`).catch((error: Error) => view.note(error.message))
  })
  try {
    const result = await readToEnd(daemon, runId, view)
    const cancelled = result.state === 'cancelled' && signal && signalExitCodes[signal]
    return { exitCode: cancelled || exitCodeOf(result.state), result }
  } finally {
    unlisten()
  }
}

async function beginRun(daemon: Daemon, wish: Wish): Promise<string> {
  const what =
    'data' in wish
      ? { data: wish.data, safe: wish.safe ?? false, noSlot: wish.noSlot ?? false }
      : { release: wish.release }
  const { run } = await daemon.post<{ run: string }>('/runs', { source: commandSource, ...what })
  return run
}

/** @throws {DaemonError} It went away, and did not come back. */
async function readToEnd(daemon: Daemon, runId: string, view: View): Promise<RunResult> {
  let lastEventId: string | undefined
  let result: RunResult | undefined
  const onMessage = ({ id, event, data }: StreamMessage) => {
    if (id !== undefined) lastEventId = id
    const parsed = JSON.parse(data)
    if (event === 'event') view.onEvent?.(parsed as Envelope)
    if (event === 'progress') view.onProgress?.(parsed.event as Envelope, parsed.progress as Progress)
    if (event === 'end') result = parsed as RunResult
  }
  for (let left = reconnections; ; left -= 1) {
    try {
      await daemon.stream(`/runs/${runId}/stream`, onMessage, { lastEventId })
    } catch (error) {
      if (left === 0 || !(error instanceof DaemonError) || error.status > 0) throw error
    }
    if (result) return result
    if (left === 0) {
      throw new DaemonError(`the daemon ended before run ${runId} did`, 0, `see hdsync show ${runId}`)
    }
    await sleep(pauseMs)
  }
}
