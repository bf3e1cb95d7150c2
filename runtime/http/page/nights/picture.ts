import { formatDuration } from '../../../units.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { plainText } from '../look/words.ts'
import type { Band, Bar, Lane, Timeline } from './timeline.ts'

const width = 1120
const left = 96
const rowHeight = 22
const bandHeight = 8
const laneGap = 14
const axisHeight = 24
/** Of a letter in a bar. */
const letterWidth = 6.4
const leastWidth = 2.5

/** The timeline as a picture: time runs to the right. Each bar leads to what was done in it. */
export function pictureOf(timeline: Timeline): Html {
  const { from, to, lanes } = timeline
  const x = (at: number) => round(left + ((at - from) / (to - from)) * (width - left - 8))
  let y = axisHeight
  const drawn = lanes.map((lane) => {
    const top = y
    y += heightOf(lane)
    return laneGroup(lane, top, x)
  })
  const ticks = ticksOf(from, to)
  return html`<figure class="timeline"><svg viewBox="0 0 ${width} ${y}" role="group" aria-label="The run along the time; the table below has the same">
<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="under" width="6" height="6"/><rect class="stripe" width="2.5" height="6"/></pattern></defs>
<g class="axis" aria-hidden="true">${ticks.map((at) => html`<line x1="${x(at)}" x2="${x(at)}" y1="${axisHeight - 6}" y2="${y}"/><text x="${x(at) + 4}" y="13">${tickText(at - from)}</text>`)}</g>
${drawn}
</svg></figure>`
}

function heightOf({ rows, bands }: Lane): number {
  return rows.length * rowHeight + (bands.length > 0 ? bandHeight : 0) + laneGap
}

function laneGroup({ name, rows, bands }: Lane, top: number, x: (at: number) => number): Html {
  const bandTop = top + rows.length * rowHeight
  return html`<g><text class="lane" x="0" y="${top + 15}">${plainText(name)}</text>
<line class="floor" x1="0" x2="${width}" y1="${top + heightOf({ name, rows, bands }) - laneGap / 2}" y2="${top + heightOf({ name, rows, bands }) - laneGap / 2}"/>
${bands.map((band) => bandOf(band, bandTop, x))}${rows.flatMap((row, n) => row.map((bar, i) => barOf(bar, top + n * rowHeight, x, row[i + 1])))}</g>
`
}

function barOf(bar: Bar, top: number, x: (at: number) => number, next: Bar | undefined): Html {
  const begin = x(bar.from)
  const room = (next ? x(next.from) : width - 8) - begin - 1
  const wide = Math.max(Math.min(leastWidth, Math.max(room, 1)), round(x(bar.to) - begin))
  const isFitting = bar.function.length * letterWidth + 10 <= wide
  const said = `${bar.function}${bar.attempt > 1 ? `, attempt ${bar.attempt}` : ''}, ${formatDuration(bar.to - bar.from)}: ${words[bar.state]}${bar.note ? `: ${bar.note}` : ''}`
  return html`<a href="#step-${bar.id}" aria-label="${plainText(said)}"><title>${plainText(said)}</title><rect class="step ${bar.state}" x="${begin}" y="${top}" width="${wide}" height="${rowHeight - 3}" rx="2"/>${isFitting ? html`<text class="in" x="${begin + 6}" y="${top + 13.5}">${bar.function}</text>` : nothing}</a>`
}

const words = { done: 'done', failed: 'failed', refused: 'refused', held: 'held', running: 'running' }

/** As it filled: from nothing to what it was in the end. */
function bandOf({ from, to, used }: Band, top: number, x: (at: number) => number): Html {
  const [begin, end] = [x(from), x(to)]
  const said = `a snapshot${used === undefined ? '' : `, ${Math.round(used * 100)} % of it used in the end`}`
  const height = bandHeight - 2
  const fill = round(top + height - height * Math.min(1, used ?? 0))
  return html`<g class="band"><title>${said}</title><rect x="${begin}" y="${top}" width="${Math.max(1, round(end - begin))}" height="${height}" rx="1"/>${used === undefined ? nothing : html`<polygon points="${begin},${top + height} ${end},${fill} ${end},${top + height}"/>`}</g>`
}

const steps = [
  10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 144e5,
]
const mostTicks = 8

/** Moments to be named, round ones as counted from the beginning. */
function ticksOf(from: number, to: number): number[] {
  const step = steps.find((one) => (to - from) / one <= mostTicks) ?? (to - from) / mostTicks
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, n) => from + n * step)
}

function tickText(ms: number): string {
  return ms === 0 ? '0' : formatDuration(ms)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
