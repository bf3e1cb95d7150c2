import type { RunResult } from '../../../events/index.ts'
import { formatDuration } from '../../config/units.ts'
import { painter } from '../format.ts'
import type { Io } from '../io.ts'
import { sourcesTable } from '../sources-table.ts'

/** How a run went, as people read it: its sources, then the end in one sentence. */
export function resultText(
  { run, state, startedAt, endedAt, sources }: RunResult,
  { colour, width }: Pick<Io, 'colour' | 'width'>,
): string {
  const paint = painter(colour)
  const took = endedAt === null ? '' : ` in ${formatDuration(Date.parse(endedAt) - Date.parse(startedAt))}`
  return `${sourcesTable(sources, paint, width)}run ${run} ${paint.state(state)}${took}\n`
}
