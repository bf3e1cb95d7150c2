import { nanoid } from 'nanoid'
import { type CopyResult, copyStart, type Envelope } from '../../../events/index.ts'
import { copiesEnded, copyEnds } from '../../backup/copies/history.ts'
import { copiesMeant } from '../../backup/copies/places.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { counted } from '../../count.ts'
import { formatBytes } from '../../units.ts'
import { commandSource } from '../command-source.ts'
import { asked, submitTo } from '../daemon/client.ts'
import { daemonOf, followRun } from '../daemon/remote.ts'
import { workInProcess } from '../in-process.ts'
import type { Io } from '../io.ts'
import { notRoot, rootNeeded } from '../needs-root.ts'
import { viewFor } from '../view/choose.ts'
import type { View } from '../view/lines.ts'

interface CopyOptions {
  config?: string
  json?: boolean
  quiet?: boolean
}

/** How it went, as `--json` prints it. */
interface Outcome {
  run: string
  state: string
  copies: CopyResult[]
  error: string | null
}

/**
 * `hdsync copy`: copies archives to the other places that have not got them, and says how it went.
 * @returns 1 where a place failed, or one that was named is not there; 3 where one that was not named is not there.
 */
export async function copyCommand(names: string[], options: CopyOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  copiesMeant(names, config)
  const view = await viewFor(config, options, io)
  const ends: Envelope[] = []
  const listening: View = {
    ...view,
    onEvent(event) {
      if (copyEnds.some(({ type }) => type === event.type)) ends.push(event)
      view.onEvent?.(event)
    },
  }
  try {
    const { exitCode, result } = await follow(names, config, listening, io)
    view.end()
    const { run, state, error = null } = result
    const copies = copiesEnded(ends.filter(({ runid }) => runid === run)).map((one) => one.result)
    const outcome: Outcome = { run, state, copies, error }
    io.stdout(options.json ? `${JSON.stringify(outcome)}\n` : outcomeText(outcome))
    return exitCode
  } finally {
    view.end()
  }
}

interface Followed {
  exitCode: number
  result: { run: string; state: string; error?: string | null | undefined }
}

async function follow(names: string[], config: Config, view: View, io: Io): Promise<Followed> {
  const data = names.length > 0 ? { copies: names } : {}
  const wish = { type: copyStart.type, source: commandSource, id: nanoid(), data }
  const daemon = await daemonOf(config)
  if (daemon) return followRun(daemon, (await asked(submitTo(daemon, wish))).run, view)
  const reason = rootNeeded(config, undefined)
  if (reason) throw notRoot(reason, ['copy', ...names].join(' '))
  let followed: Followed | undefined
  const exitCode = await workInProcess(
    config,
    view,
    io,
    async (here) => {
      followed = await here.follow((await here.engine.submit(wish)).runId)
      return followed.exitCode
    },
    { waitsFor: () => true },
  )
  return followed ?? { exitCode, result: { run: '', state: 'cancelled' } }
}

function outcomeText({ run, state, copies, error }: Outcome): string {
  const lines = copies.map(({ copy, ...result }) => `${copy}: ${resultText(result)}`)
  const why = copies.length === 0 ? [`copies ${state}: ${error ?? ''}`] : []
  const more = state === 'succeeded' || run === '' ? [] : [`hdsync show ${run} tells what happened`]
  return [...lines, ...why, ...more, ''].join('\n')
}

function resultText({ state, archives, bytes, waiting, error }: Omit<CopyResult, 'copy'>): string {
  const done = `${counted(archives, 'archive')} copied and proven, ${formatBytes(bytes)} written`
  if (state === 'succeeded') return archives === 0 ? 'has every archive' : `${done}; has every archive now`
  if (state === 'absent') return `its disk is not there: ${error ?? ''}`
  const left = waiting === null ? '' : `; ${counted(waiting, 'archive')} to be copied`
  return `${state === 'cancelled' ? 'paused' : 'FAILED'}: ${error ?? ''} (${done}${left})`
}
