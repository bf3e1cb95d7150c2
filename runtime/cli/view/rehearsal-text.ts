import type { Rehearsal } from '../../backup/rehearsal.ts'
import { formatDuration } from '../../units.ts'
import { type Painter, printable } from '../format.ts'

/** What came of a function that was run by itself: what it emits and starts, and how it ended, a line each. */
export function endLines(
  { emitted, started, outcome, error }: Pick<Rehearsal, 'emitted' | 'started' | 'outcome' | 'error'>,
  paint: Painter,
): string[] {
  const lines = emitted.map(({ type, attempt, data }) => {
    const again = attempt > 1 ? `, attempt ${attempt}` : ''
    return `emits ${paint.bold(type)}${again} ${printable(JSON.stringify(data))}`
  })
  const starts = started.map(({ type, data, delayMs }) => {
    const later = delayMs > 0 ? ` in ${formatDuration(delayMs)}` : ''
    return `starts ${paint.bold(type)}${later} ${printable(JSON.stringify(data))}`
  })
  const ends = {
    done: paint.green('done'),
    retry: `${paint.red('failed')}: ${error} (it would be attempted again)`,
    dead: `${paint.red('failed')}: ${error}`,
    cancelled: `${paint.yellow('cancelled')}: ${error}`,
  }
  return [...lines, ...starts, ends[outcome]]
}
