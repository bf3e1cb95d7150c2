import { stripVTControlCharacters } from 'node:util'

/** Rows as aligned columns, two spaces apart; the first row is the head. Numbers stand on the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column] ?? ''))),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('')
}

function pad(cell: string, width: number): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(cell)))
  const isNumber = /^[\d.,]+( [KMGTP]?i?B|%)?$/.test(stripVTControlCharacters(cell))
  return isNumber ? space + cell : cell + space
}

function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length
}

/** An argument vector as one would type it into a shell. */
export function shellQuote(argv: readonly string[]): string {
  return argv
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ')
}
