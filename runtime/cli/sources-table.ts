import type { SourceResult } from '../../events/index.ts'
import { formatBytes } from '../units.ts'
import { type Painter, printable } from './format.ts'
import { table } from './table.ts'
import { count } from './view/words.ts'

const head = ['SOURCE', 'STATE', 'ATTEMPTS', 'SNAPSHOT USED', 'FILES', 'DATA', 'DELETED', 'ARCHIVE']

/** The sources of a run as a table, and below it a line for each that has something to say. */
export function sourcesTable(sources: readonly SourceResult[], paint: Painter, width?: number): string {
  if (sources.length === 0) return ''
  const rows = sources.map((source) => [
    source.source,
    paint.state(source.state),
    source.mountTrials > 0 ? String(source.mountTrials) : '-',
    orNone(source.snapshotUsedPercent, (percent) => `${percent}%`),
    orNone(source.filesTransferred, count),
    orNone(source.bytesTransferred, formatBytes),
    orNone(source.filesDeleted, count),
    source.archive ?? '-',
  ])
  return [
    table([head, ...rows], width),
    ...onceEach(sources).flatMap((source) => sentencesOf(source, paint)),
  ].join('')
}

/** What is the same of several sources, such as what is wrong with their target, is told once. */
function onceEach(sources: readonly SourceResult[]): SourceResult[] {
  const groups = Map.groupBy(sources, (source) =>
    source.error?.startsWith(ofTarget) ? `${source.state} ${source.error}` : source.source,
  )
  return [...groups.values()].flatMap(([first, ...rest]) => {
    if (!first) return []
    const source = [first, ...rest].map((one) => one.source).join(', ')
    return { ...first, source, error: first.error?.replaceAll(ofTarget, '') ?? null }
  })
}

/** What is wrong with a target speaks for itself. */
const ofTarget = 'target.open: '

/** What is worth knowing beside the numbers, and what to do about it. */
function sentencesOf({ source, state, mountTrials, error }: SourceResult, paint: Painter): string[] {
  const mounted = state !== 'failed' && state !== 'cancelled'
  return [
    ...(mountTrials > 1 && mounted ? [`${source}: snapshot mounted after ${mountTrials} attempts\n`] : []),
    ...(error === null ? [] : [`${source}: ${paint.state(state)}: ${printable(error)}\n`]),
    ...(state === 'held'
      ? [`  look at it: hdsync show --held ${source}; then let it go on: hdsync release ${source}\n`]
      : []),
  ]
}

function orNone<T>(value: T | null, format: (value: T) => string): string {
  return value === null ? '-' : format(value)
}
