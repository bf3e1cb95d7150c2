import {
  type DataOf,
  type Envelope,
  type InputOf,
  verifyFinished,
  verifyStart,
} from '../../../events/index.ts'
import { type Outlook, outlookOf } from '../../backup/proof/outlook.ts'
import type { RunReport } from '../../backup/run-report.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { checkSources } from '../../config/lookup.ts'
import { UsageError } from '../../errors.ts'
import { formatBytes, parseBytes, parseDuration } from '../../units.ts'
import { commandSource } from '../command-source.ts'
import { asked, DaemonError } from '../daemon/client.ts'
import { daemonOf, followRun } from '../daemon/remote.ts'
import { exitCodes } from '../exit-codes.ts'
import { workInProcess } from '../in-process.ts'
import type { Io } from '../io.ts'
import { notRoot, rootNeeded } from '../needs-root.ts'
import { outlookText } from '../proof/forecast.ts'
import { viewFor } from '../view/choose.ts'
import type { View } from '../view/lines.ts'

export interface VerifyOptions {
  config?: string
  budget?: string
  bytes?: string
  all?: boolean
  json?: boolean
  quiet?: boolean
}

/**
 * `hdsync verify`: reads backups again, those first that have not been read for the longest time, and says how it went.
 * @returns 0 when all that was read is good, 3 when something was rotten, whether it was replaced or not.
 */
export async function verifyCommand(sources: string[], options: VerifyOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  checkSources(sources, config)
  const data = wanted(sources, options)
  const view = await viewFor(config, options, io)
  try {
    const names = sources.length > 0 ? sources : Object.keys(config.sources)
    const outlook = await outlookOf(config, names, limitsOf(data, config))
    view.note(
      outlook
        ? outlookText(outlook)
        : 'not all disks of the backups are mounted: how long it takes cannot be told',
    )
    const ended = await asRun(data, config, view, io)
    if (!ended.report) return ended.exitCode
    view.end()
    const result = resultOf(ended.report, ended.data, outlook)
    io.stdout(options.json ? `${JSON.stringify(result)}\n` : resultText(result))
    return ended.exitCode
  } finally {
    view.end()
  }
}

type Request = InputOf<typeof verifyStart>

function wanted(sources: readonly string[], { budget, bytes, all = false }: VerifyOptions): Request {
  if (all && (budget !== undefined || bytes !== undefined))
    throw new UsageError('--all is without limits: leave --budget and --bytes out')
  const budgetMs = budget === undefined ? undefined : parseDuration(budget)
  const count = bytes === undefined ? undefined : parseBytes(bytes)
  if (budget !== undefined && !budgetMs)
    throw new UsageError(`--budget ${budget} is no duration`, { hint: 'such as 30m' })
  if (bytes !== undefined && !count)
    throw new UsageError(`--bytes ${bytes} is no size`, { hint: 'such as 50G' })
  return {
    ...(sources.length > 0 && { sources: [...sources] }),
    ...(budgetMs && { budgetMs }),
    ...(count && { bytes: count }),
    all,
  }
}

function limitsOf({ budgetMs, bytes, all }: Request, { verify }: Config) {
  if (all) return { budgetMs: undefined, bytes: undefined }
  return { budgetMs: budgetMs ?? verify?.budget, bytes: bytes ?? verify?.bytes }
}

type Ended = DataOf<typeof verifyFinished>

interface Followed {
  exitCode: number
  report?: RunReport
  data?: Ended | undefined
}

async function asRun(data: Request, config: Config, view: View, io: Io): Promise<Followed> {
  let ended: Ended | undefined
  const listening: View = {
    ...view,
    onEvent(event: Envelope) {
      if (event.type === verifyFinished.type) ended = event.data as Ended
      view.onEvent?.(event)
    },
  }
  const daemon = await daemonOf(config)
  if (daemon) {
    const begun = await daemon
      .post<{ run: string }>('/verify', { source: commandSource, data })
      .catch((error) => {
        if (!(error instanceof DaemonError) || error.status !== 409) return asked(Promise.reject(error))
        view.note(`run ${error.message} is going on: nothing was started`)
        return undefined
      })
    if (!begun) return { exitCode: exitCodes.busy }
    const { exitCode, result } = await followRun(daemon, begun.run, listening)
    return { exitCode, report: result as RunReport, data: ended }
  }
  const reason = rootNeeded(config, data.sources)
  if (reason) throw notRoot(reason, ['verify', ...(data.sources ?? [])].join(' '))
  let report: RunReport | undefined
  const exitCode = await workInProcess(
    config,
    listening,
    io,
    async ({ engine, follow }) => {
      const followed = await follow(await engine.trigger(verifyStart, data))
      report = followed.result
      return followed.exitCode
    },
    { waitsFor: () => false },
  )
  return { exitCode, ...(report && { report }), data: ended }
}

function resultOf({ run, state, error }: RunReport, data: Ended | undefined, outlook: Outlook | undefined) {
  const {
    archives = 0,
    files = 0,
    bytes = 0,
    healed = 0,
    damaged = [],
    known = [],
    doubtful = 0,
    unproven = 0,
  } = data ?? {}
  const { turnMs = null, totalBytes = null } = outlook ?? {}
  return {
    run,
    state,
    archives,
    files,
    bytes,
    healed,
    damaged,
    known,
    doubtful,
    unproven,
    error,
    totalBytes,
    turnMs,
  }
}

function resultText(result: ReturnType<typeof resultOf>): string {
  const { run, state, archives, files, bytes, healed, damaged, doubtful, unproven, error } = result
  const read = `${count(archives, 'archive')} and ${count(files, 'file')} of mirrors read, ${formatBytes(bytes)}`
  const lines = [
    `verification ${state}: ${read}`,
    ...damaged.map((path) => `damaged: ${path}`),
    ...(healed > 0 ? [`rotten in a mirror, and replaced: ${count(healed, 'file')}`] : []),
    ...(doubtful > 0
      ? [
          `mirror and archive or source differ, and nobody can tell which is right: ${count(doubtful, 'file')}`,
        ]
      : []),
    ...(unproven > 0
      ? [
          `cannot be proven, as no archive has them, and the source or the mirror has changed since: ${count(unproven, 'file')}`,
        ]
      : []),
    ...(state === 'succeeded' ? [] : [...(error ? [error] : []), `hdsync show ${run} tells all of it`]),
  ]
  return `${lines.join('\n')}\n`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
