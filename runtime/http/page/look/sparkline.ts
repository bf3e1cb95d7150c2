import { formatBytes } from '../../../units.ts'
import { type Html, html, nothing } from './html.ts'

const width = 84
const height = 18

/** How something has grown, as a line without figures; the last figure is said. @param values The oldest first. */
export function sparkline(values: readonly number[], what: string): Html {
  const last = values.at(-1)
  if (values.length < 2 || last === undefined) return nothing
  const most = Math.max(...values)
  // What hardly changes is to look like it: the line shows a tenth of the size at least.
  const least = Math.min(...values, most * 0.9)
  const x = (n: number) => round((n / (values.length - 1)) * (width - 2) + 1)
  const y = (value: number) =>
    round(height - 2 - ((value - least) / Math.max(1, most - least)) * (height - 4))
  const points = values.map((value, n) => `${x(n)},${y(value)}`).join(' ')
  const said = `${what}: ${formatBytes(last)} now, ${formatBytes(values[0] ?? 0)} at first`
  return html`<svg class="spark" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"><title>${said}</title><polyline points="${points}"/><circle cx="${x(values.length - 1)}" cy="${y(last)}" r="1.8"/></svg>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
