import { stripVTControlCharacters, styleText } from 'node:util'
import { eastAsianWidth } from 'get-east-asian-width'
import { formatDuration } from '../units.ts'
import { weekdayOf } from '../weekday.ts'

type Paint = (text: string) => string

const colours = ['bold', 'dim', 'red', 'yellow', 'green', 'cyan'] as const
type Colour = (typeof colours)[number]

/** Colours, or none. `state` paints the state of a run, a source or a finding in the colour that it has everywhere. */
export type Painter = Record<Colour | 'state', Paint>

const stateColours: Readonly<Record<string, Colour>> = {
  succeeded: 'green',
  done: 'green',
  ok: 'green',
  running: 'cyan',
  waiting: 'dim',
  degraded: 'yellow',
  held: 'yellow',
  cancelled: 'yellow',
  warning: 'yellow',
  interrupted: 'red',
  failed: 'red',
  overdue: 'red',
  error: 'red',
}

export function painter(colour: boolean): Painter {
  const paint = (name: Colour) => (text: string) =>
    colour ? styleText(name, text, { validateStream: false }) : text
  const paints = Object.fromEntries(colours.map((name) => [name, paint(name)])) as Record<Colour, Paint>
  return { ...paints, state: (state) => paints[stateColours[state] ?? 'bold'](state) }
}

/** How many columns of a terminal a text takes: colours take none, wide characters two. */
export function visibleWidth(text: string): number {
  // Nearly all that there is; to make V8 tell all other characters apart takes as long as to open the store.
  if (/^[ -~]*$/.test(text)) return text.length
  let width = 0
  for (const character of stripVTControlCharacters(text)) {
    if (/[\p{M}\p{C}]/u.test(character)) continue
    width += eastAsianWidth(character.codePointAt(0) ?? 0)
  }
  return width
}

/** The beginning of a text that fits into so many columns. Without `width`, all of it. @param text Without colours. */
export function cut(text: string, width: number | undefined): string {
  if (width === undefined || visibleWidth(text) <= width) return text
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (visibleWidth(kept + segment) >= width) break
    kept += segment
  }
  return `${kept}…`
}

/** Words joined by commas, in lines that are not wider than `width` unless a single word is. */
export function wrapList(words: readonly string[], width: number): string {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last === undefined || visibleWidth(`${last}, ${word},`) > width) lines.push(word)
    else lines[lines.length - 1] = `${last}, ${word}`
  }
  return lines.join(',\n')
}

/** Prose in lines that are not wider than `width` unless a single word is. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || visibleWidth(`${last} ${word}`) > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}

/** At most so many lines: what a program said first as a rule says why, what it said last how it ended. */
export function firstAndLast(lines: readonly string[], count: number): readonly string[] {
  if (lines.length <= count) return lines
  const last = Math.floor((count - 1) / 2)
  return [...lines.slice(0, count - 1 - last), '…', ...lines.slice(-last)]
}

/** Text without anything that a terminal would obey: file names and messages of programs may hold it. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** An age or a pause in its largest unit: nobody reads `3d 4h` at a look. */
export function ageText(ms: number): string {
  const day = 86_400_000
  if (ms < 60_000) return 'now'
  if (ms >= 2 * day) return `${Math.floor(ms / day)}d`
  return ms >= 7_200_000
    ? `${Math.floor(ms / 3_600_000)}h`
    : formatDuration(Math.max(0, Math.floor(ms / 60_000) * 60_000))
}

/** How long ago something was, in its largest unit. */
export function agoText(ms: number): string {
  const age = ageText(ms)
  return age === 'now' ? 'just now' : `${age} ago`
}

/** A moment with the day of the week: `Sunday 2026-11-22 01:57:03`. @param ms Since the epoch. */
export function localDay(ms: number): string {
  return `${weekdayOf(ms)} ${localTime(ms)}`
}

/** A moment as the clock of this machine shows it: `2026-11-22 01:57:03`. @param ms Since the epoch. */
export function localTime(ms: number): string {
  const date = new Date(ms)
  const two = (part: number) => String(part).padStart(2, '0')
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`
}
