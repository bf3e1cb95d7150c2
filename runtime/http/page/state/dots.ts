import { counted } from '../../../count.ts'
import { formatBytes } from '../../../units.ts'
import { type Html, html } from '../look/html.ts'
import { markLink, markOf } from '../look/marks.ts'
import { dayText } from '../look/words.ts'
import type { NightOf } from './nights.ts'

type Nights = readonly (NightOf | undefined)[]

/**
 * A dot a night, the oldest first, which leads to it.
 * @param hrefOf Where a run is shown.
 * @param areMany Those that nobody asks for stand together then: of a hundred sources the view would be too long.
 */
export function dotsOf(
  nights: Nights,
  days: readonly number[],
  hrefOf: (run: string) => string,
  areMany: boolean,
): Html {
  const dots = (from: number, to: number) =>
    nights.slice(from, to).map((night, n) => dot(night, days[from + n] ?? 0, hrefOf))
  if (!areMany) return html`${dots(0, nights.length)}`
  return html`${runsOf(nights).map(({ state, from, length }) =>
    state === undefined || state === 'succeeded' ? plainDots(state, length) : dots(from, from + length),
  )}`
}

interface Run {
  state: NightOf['state'] | undefined
  from: number
  length: number
}

/** Neighbours that went alike. */
function runsOf(nights: Nights): Run[] {
  const runs: Run[] = []
  for (const [from, night] of nights.entries()) {
    const last = runs.at(-1)
    if (last && last.state === night?.state) last.length += 1
    else runs.push({ state: night?.state, from, length: 1 })
  }
  return runs
}

function plainDots(state: Run['state'], length: number): Html {
  const [tone, shape, word] = state === undefined ? ['unknown', '·', 'no backup'] : ['good', '●', 'good']
  const dots = Array.from({ length }, () => html`<i>${shape}</i>`)
  return html`<span class="${tone}" role="img" aria-label="${counted(length, 'night')}: ${word}">${dots}</span>`
}

function dot(night: NightOf | undefined, day: number, hrefOf: (run: string) => string): Html {
  if (!night) return html`<span class="dot unknown" title="${dayText(day)}: no backup">·</span>`
  const { shape, tone, word } = markOf(night.state)
  return markLink(
    { shape, tone: `dot ${tone}` },
    hrefOf(night.run),
    `${dayText(night.at)}: ${word}${night.bytes ? `, ${formatBytes(night.bytes)} copied` : ''}`,
  )
}
