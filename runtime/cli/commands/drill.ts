import { nanoid } from 'nanoid'
import { type DrillResult, drillStart, type Envelope } from '../../../events/index.ts'
import { drillEnds, drilled } from '../../backup/proof/drill-history.ts'
import { loadConfig } from '../../config/load.ts'
import { checkSources } from '../../config/lookup.ts'
import { count, counted } from '../../count.ts'
import { UsageError } from '../../errors.ts'
import { formatBytes, formatDuration } from '../../units.ts'
import { commandSource } from '../command-source.ts'
import type { Io } from '../io.ts'
import { collecting, submitAndFollow } from '../submit-and-follow.ts'
import { viewFor } from '../view/choose.ts'

interface DrillOptions {
  config?: string
  whole?: boolean
  json?: boolean
  quiet?: boolean
}

/** How a drill went, as `--json` prints it. */
interface Outcome {
  run: string
  state: 'succeeded' | 'failed' | 'cancelled'
  sources: DrillResult[]
  error: string | null
}

/**
 * `hdsync drill`: restores into the scratch folder, compares, has functions judge, and says how it went.
 * @returns 1 where a source is not proven.
 */
export async function drillCommand(
  source: string | undefined,
  options: DrillOptions,
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  checkSources(source === undefined ? [] : [source], config)
  if (!config.drill) {
    throw new UsageError('a drill needs a folder to restore into, and there is no `drill:` in the config', {
      hint: 'drill: { scratch: /var/tmp }, on a disk with room for the largest source',
    })
  }
  const view = await viewFor(config, options, io)
  const ends: Envelope[] = []
  const listening = collecting(view, drillEnds, ends)
  try {
    const data = { ...(source !== undefined && { source }), ...(options.whole && { whole: true }) }
    const wish = { type: drillStart.type, source: commandSource, id: nanoid(), data }
    const { exitCode, result } = await submitAndFollow(wish, config, listening, io)
    view.end()
    const { run, state, error = null } = result
    const sources = drilled(ends.filter(({ runid }) => runid === run)).map((one) => one.result)
    const outcome: Outcome = {
      ...{ run, sources, error },
      state: state === 'succeeded' || state === 'cancelled' ? state : 'failed',
    }
    io.stdout(options.json ? `${JSON.stringify(outcome)}\n` : outcomeText(outcome))
    return exitCode
  } finally {
    view.end()
  }
}

function outcomeText({ sources, state, error, run }: Outcome): string {
  const lines = sources.map(
    (one) => `${one.source}: ${one.state === 'proven' ? provenText(one) : failedText(one)}`,
  )
  // Without any source it says why itself.
  const why = sources.length === 0 ? [`the drill ${state}: ${error ?? ''}`] : []
  const more = state === 'succeeded' ? [] : [`hdsync show ${run} tells what happened`]
  return [...lines, ...why, ...more, ''].join('\n')
}

function provenText({
  whole,
  point,
  files,
  sizeBytes,
  recorded,
  canary,
  tookMs,
  functions,
}: DrillResult): string {
  const what = whole ? 'all of it' : 'a sample'
  const digests = `${counted(recorded, 'file')} by a digest on record`
  const more = [
    `contents of ${digests}`,
    ...(canary ? ['one as it was read from the source itself'] : []),
    ...(functions.length > 0 ? [`judged good by ${functions.join(', ')}`] : []),
  ]
  const size = `${count(files)} ${files === 1 ? 'entry' : 'entries'}, ${formatBytes(sizeBytes)}`
  return `proven: ${what} of ${point} restored in ${formatDuration(tookMs ?? 0)} (${size}); ${more.join('; ')}`
}

function failedText({ state, error, differences }: DrillResult): string {
  const named = differences.length > 1 ? differences.map((one) => `\n  ${one}`).join('') : ''
  return `${state === 'cancelled' ? 'cancelled' : 'FAILED'}: ${error ?? ''}${named}`
}
