import type { RunResult } from '../../../events/index.ts'
import { neverBegan, tookMs } from '../../run-duration.ts'
import { formatDuration } from '../../units.ts'
import { painter, printable } from '../format.ts'
import type { Io } from '../io.ts'
import { sourcesTable } from '../sources-table.ts'

/** How a run went, as people read it: its sources, then the end in one sentence. */
export function resultText(result: RunResult, { colour, width }: Pick<Io, 'colour' | 'width'>): string {
  const paint = painter(colour)
  const { run, state, sources, error } = result
  const ended = tookMs(result)
  const took = ended === undefined ? '' : ` in ${formatDuration(ended)}`
  const when = neverBegan(result) ? ' before it began' : took
  const why = error && !neverBegan(result) ? `: ${printable(error)}` : ''
  return `${sourcesTable(sources, paint, width)}run ${run} ${paint.state(state)}${when}${why}\n`
}
