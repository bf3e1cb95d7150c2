import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A real session as a terminal showed it, colours included: the first `hdsync run` of `npm start`; see ../screen.ts. */
const transcript = join(import.meta.dirname, 'night.ansi')

const lineHeight = 18
const charWidth = 7.83
const margin = 16

/** Select Graphic Rendition: the codes that hdsync prints, and what they look like on a dark terminal. */
const looks: Record<string, string> = {
  '1': 'font-weight="bold"',
  '2': 'opacity="0.6"',
  '31': 'fill="#ff7b72"',
  '32': 'fill="#7ee787"',
  '33': 'fill="#e3b341"',
  '34': 'fill="#79c0ff"',
  '36': 'fill="#76e3ea"',
}

/** The codes that each "off" code takes back. */
const offs: Record<string, string[]> = {
  '0': Object.keys(looks),
  '22': ['1', '2'],
  '39': ['31', '32', '33', '34', '36'],
}

/** deploy/docs/night.svg: the session as a picture that any browser shows without a font or a script of ours. */
export function picture(): string {
  const lines = readFileSync(transcript, 'utf8').trimEnd().split('\n')
  const columns = Math.max(...lines.map((line) => plain(line).length))
  const width = Math.ceil(columns * charWidth + 2 * margin)
  const height = lines.length * lineHeight + 2 * margin
  const on = new Set<string>()
  const texts = lines.map((line, row) => {
    const y = margin + (row + 1) * lineHeight - 5
    return `<text x="${margin}" y="${y}">${spans(line, on)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>hdsync run, as a terminal shows it</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13" fill="#e6edf3" xml:space="preserve">
${texts.join('\n')}
</g>
</svg>
`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
const colourCode = /\u001b\[([\d;]*)m/

/** One line in pieces of one look each; `on` is what is switched on, from line to line. */
function spans(line: string, on: Set<string>): string {
  return line
    .split(colourCode)
    .map((part, index) => {
      if (index % 2 === 0) return span(part, on)
      for (const code of part.split(';')) {
        for (const off of offs[code || '0'] ?? []) on.delete(off)
        if (looks[code]) on.add(code)
      }
      return ''
    })
    .join('')
}

function span(text: string, on: Set<string>): string {
  if (text === '') return ''
  const attributes = [...on].map((code) => looks[code]).join(' ')
  return attributes ? `<tspan ${attributes}>${escaped(text)}</tspan>` : escaped(text)
}

function plain(line: string): string {
  return line
    .split(colourCode)
    .filter((_, index) => index % 2 === 0)
    .join('')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
