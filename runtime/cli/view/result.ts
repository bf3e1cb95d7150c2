import type { RunResult, SourceResult } from '../../../events/index.ts'
import { formatBytes, formatDuration } from '../../config/units.ts'
import { table } from '../format.ts'
import { paintState } from './paint.ts'
import { count } from './words.ts'

/** How a run went, as people read it: a table of its sources, and then in words what is worth knowing. */
export function resultText(result: RunResult, colour: boolean): string {
  const rows = result.sources.map((source) => [
    source.source,
    paintState(source.state, colour),
    source.mountTrials > 0 ? String(source.mountTrials) : '-',
    source.snapshotUsedPercent === null ? '-' : `${source.snapshotUsedPercent}%`,
    source.filesTransferred === null ? '-' : count(source.filesTransferred),
    source.bytesTransferred === null ? '-' : formatBytes(source.bytesTransferred),
    source.filesDeleted === null ? '-' : count(source.filesDeleted),
    source.archive ?? '-',
  ])
  const head = ['SOURCE', 'STATE', 'TRIALS', 'SNAPSHOT USED', 'FILES', 'DATA', 'DELETED', 'ARCHIVE']
  const sentences = result.sources.flatMap(sentencesOf)
  return [
    ...(rows.length > 0 ? [table([head, ...rows])] : []),
    ...sentences.map((sentence) => `${sentence}\n`),
    endSentence(result, colour),
  ].join('')
}

function sentencesOf({ source, mountTrials, state, error }: SourceResult): string[] {
  const sentences: string[] = []
  const mounted = state !== 'failed' && state !== 'cancelled'
  if (mountTrials > 1 && mounted) sentences.push(`${source}: snapshot mounted after ${mountTrials} trials`)
  if (error && state !== 'held') sentences.push(`${source}: ${error}`)
  if (error && state === 'held') {
    sentences.push(`${source}: held: ${error}`, `  look at it, then let it go on: hdsync release ${source}`)
  }
  return sentences
}

function endSentence({ run, state, startedAt, endedAt }: RunResult, colour: boolean): string {
  const took = endedAt === null ? '' : ` in ${formatDuration(Date.parse(endedAt) - Date.parse(startedAt))}`
  return `run ${run} ${paintState(state, colour)}${took}\n`
}
