/**
 * `node deploy/dev/screen.ts FILE`: makes the picture of README anew from a recorded `npm start`. To record one:
 * `script -qefc 'stty cols 104 rows 50; npm start' FILE`. Then `npm run generate` draws it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type Cell = [character: string, look: string]

// biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor begins with one.
const piece = /\u001b\[([?\d;]*)([A-Za-z])|\r?\n|\r|[^\u001b]/gu

/** What is left on a terminal after everything in `raw` was printed: its lines, with the codes of their colours. */
export function screenAfter(raw: string): string[] {
  const lines: Cell[][] = [[]]
  let row = 0
  let column = 0
  let look: string[] = []
  const line = () => {
    while (lines.length <= row) lines.push([])
    return lines[row] as Cell[]
  }
  for (const [text, numbers = '', command] of raw.matchAll(piece)) {
    if (command === 'm') look = lookAfter(look, numbers)
    else if (command === 'A') row = Math.max(0, row - Number(numbers || 1))
    else if (command === 'G') column = Number(numbers || 1) - 1
    else if (command === 'K') line().splice(numbers === '2' ? 0 : column)
    else if (command) continue
    else if (text === '\r') column = 0
    else if (text.endsWith('\n')) {
      row++
      column = 0
    } else {
      while (line().length < column) line().push([' ', ''])
      line()[column++] = [text, look.join(';')]
    }
  }
  return lines.map(printed)
}

/** Bold and dim (1, 2) and a colour (30 and above), each of them until it is switched off. */
function lookAfter(look: string[], numbers: string): string[] {
  if (numbers === '' || numbers === '0') return []
  if (numbers === '22') return look.filter((code) => code.length > 1)
  if (numbers === '39') return look.filter((code) => code.length === 1)
  return [...look.filter((code) => code !== numbers), ...numbers.split(';')]
}

function printed(cells: Cell[]): string {
  let text = ''
  let before = ''
  for (const [character, look] of cells) {
    if (look !== before) text += `${before ? '\u001b[0m' : ''}${look ? `\u001b[${look}m` : ''}`
    before = look
    text += character
  }
  return `${text}${before ? '\u001b[0m' : ''}`.trimEnd()
}

/** The first `hdsync run` of a session, with what it left on the terminal up to the next empty line. */
export function firstRun(lines: readonly string[]): string[] {
  const begin = lines.findIndex((line) => line.includes('hdsync run'))
  const end = lines.indexOf('', begin)
  return lines.slice(begin, end < 0 ? undefined : end)
}

if (import.meta.main) {
  const run = firstRun(screenAfter(readFileSync(process.argv[2] ?? '', 'utf8')))
  writeFileSync(join(import.meta.dirname, 'generate/night.ansi'), `${run.join('\n')}\n`)
}
