import { stripVTControlCharacters } from 'node:util'
import { cut, visibleWidth } from './format.ts'

/** A column no wider than this is never cut: ids, states and short names stay whole. */
const leastWidth = 12

interface Column {
  width: number
  /** Aligned to the right. */
  right: boolean
  /** Its texts may be shortened, to no less than this; undefined for numbers and times. */
  least?: number
}

/**
 * Rows as aligned text, each line ended; the first row is the head. Columns of quantities are aligned to the
 * right. A cell may have several lines. A column in which no row has a value is left out.
 * @param width Columns of the terminal: the longest texts are shortened until the lines fit, numbers never. Without it,
 *   for a file or a pipe, all is there.
 */
export function table(rows: readonly (readonly string[])[], width?: number): string {
  const [head = [], ...body] = rows
  const kept = head.flatMap((_, index) => (body.every((row) => isNone(row[index])) ? [] : [index]))
  const shown = body.length > 0 ? kept : [...head.keys()]
  const cells = rows.map((row) => shown.map((index) => (row[index] ?? '').split('\n')))
  const columns = shown.map((_, index) => columnOf(cells.map((row) => row[index] ?? [''])))
  if (width !== undefined) narrow(columns, width)
  return cells.flatMap((row) => linesOf(row, columns)).join('')
}

const isNone = (cell: string | undefined) => cell === undefined || cell === '' || cell === '-'

function columnOf([head = [], ...body]: string[][]): Column {
  const width = Math.max(...[head, ...body].flat().map(visibleWidth))
  const texts = body.flat().map((cell) => stripVTControlCharacters(cell))
  const right = isQuantitative(texts)
  // A moment is no quantity, and means something else once it is cut. The id of a restore point is there to be typed.
  const isExact = right || texts.every((text) => /^(?:[\d :.-]*|\S+@\S+)$/.test(text))
  return { width, right, ...(!isExact && { least: Math.max(leastWidth, ...head.map(visibleWidth)) }) }
}

const gap = 2

/** Makes the widest columns of text narrower, as far as they may be. */
function narrow(columns: Column[], width: number): void {
  const used = () => columns.reduce((sum, column) => sum + column.width + gap, -gap)
  for (let tooMuch = used() - width; tooMuch > 0; tooMuch = used() - width) {
    const widest = columns
      .filter((column) => column.least !== undefined && column.width > column.least)
      .sort((one, other) => other.width - one.width)[0]
    if (!widest) return
    widest.width -= 1
  }
}

function linesOf(row: string[][], columns: Column[]): string[] {
  return Array.from({ length: Math.max(...row.map((cell) => cell.length)) }, (_, line) => {
    const padded = columns.map(({ width, right }, index) => {
      const text = cutPainted(row[index]?.[line] ?? '', width)
      const room = ' '.repeat(Math.max(0, width - visibleWidth(text)))
      return right ? room + text : text + room
    })
    return `${padded.join(' '.repeat(gap)).trimEnd()}\n`
  })
}

/** A text that is painted as a whole stays so when it is cut. */
function cutPainted(text: string, width: number): string {
  if (visibleWidth(text) <= width) return text
  const plain = stripVTControlCharacters(text)
  const [before = '', after = ''] = text.split(plain)
  return `${before}${cut(plain, width)}${after}`
}

/** Numbers, percentages, sizes, durations, and `-` for none. */
function isQuantitative(texts: string[]): boolean {
  return (
    texts.some((text) => /^\d/.test(text)) &&
    texts.every((text) => /^(?:-?|\d[\d,.]*(?:%| ?[KMGTP]?i?B)?|(?:\d[\d.]*(?:ms|[dhms]) ?)+)$/.test(text))
  )
}
