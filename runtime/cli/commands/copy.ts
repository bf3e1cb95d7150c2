import { nanoid } from 'nanoid'
import { type CopyResult, copyStart, type Envelope } from '../../../events/index.ts'
import { copiesEnded, copyEnds } from '../../backup/copies/history.ts'
import { copiesMeant } from '../../backup/copies/places.ts'
import { loadConfig } from '../../config/load.ts'
import { counted } from '../../count.ts'
import { formatBytes } from '../../units.ts'
import { commandSource } from '../command-source.ts'
import type { Io } from '../io.ts'
import { notRoot, rootNeeded } from '../needs-root.ts'
import { collecting, submitAndFollow } from '../submit-and-follow.ts'
import { viewFor } from '../view/choose.ts'

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
  const listening = collecting(view, copyEnds, ends)
  try {
    const data = names.length > 0 ? { copies: names } : {}
    const wish = { type: copyStart.type, source: commandSource, id: nanoid(), data }
    const { exitCode, result } = await submitAndFollow(wish, config, listening, io, () => {
      const reason = rootNeeded(config, undefined)
      if (reason) throw notRoot(reason, ['copy', ...names].join(' '))
    })
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
