import type { SourceResult } from '../../events/index.ts'
import { formatBytes } from '../config/units.ts'
import { type Painter, printable, table } from './format.ts'
import { count } from './view/words.ts'

const head = ['SOURCE', 'STATE', 'TRIALS', 'SNAPSHOT USED', 'FILES', 'DATA', 'DELETED', 'ARCHIVE']

/** The sources of a run as a table, and below it a line for each that has something to say. */
export function sourcesTable(sources: readonly SourceResult[], paint: Painter): string {
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
  const reasons = sources.flatMap(({ source, state, error }) =>
    error === null ? [] : [`${paint.bold(source)} ${paint.state(state)}: ${printable(error)}\n`],
  )
  return [table([head, ...rows]), ...reasons].join('')
}

function orNone<T>(value: T | null, format: (value: T) => string): string {
  return value === null ? '-' : format(value)
}
