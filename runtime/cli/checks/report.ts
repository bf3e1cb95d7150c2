import { painter, printable, visibleWidth, wrapWords } from '../format.ts'
import type { Io } from '../io.ts'
import { table } from '../table.ts'
import { conditions } from './conditions.ts'
import type { Finding } from './finding.ts'

const marks = { ok: '✔', warning: '!', error: '✖' }
const colours = { ok: 'green', warning: 'yellow', error: 'red' } as const
const counted = ['error', 'warning', 'ok'] as const

/** Findings as people read them: by what they concern, remedies below, and a count at the end. */
export function findingsText(findings: readonly Finding[], colour: boolean): string {
  const paint = painter(colour)
  const width = visibleWidth('✔ warning')
  const lines = [...Map.groupBy(findings, ({ about }) => about)].flatMap(([about, group]) => [
    paint.bold(about),
    ...group.flatMap(({ severity, finding, remedy }) => {
      const mark = `${marks[severity]} ${severity}`.padEnd(width)
      const text = finding.split('\n').map(printable)
      const below = [...text.slice(1), ...(remedy === null ? [] : [`→ ${printable(remedy)}`])]
      return [
        `  ${paint[colours[severity]](mark)}  ${text[0]}`,
        ...below.map((line) => `  ${' '.repeat(width)}  ${line}`),
      ]
    }),
  ])
  return [...lines, '', summaryOf(findings), ''].join('\n')
}

function summaryOf(findings: readonly Finding[]): string {
  const words = { error: ['error', 'errors'], warning: ['warning', 'warnings'], ok: ['ok', 'ok'] } as const
  return counted
    .map((severity) => ({ severity, count: findings.filter((one) => one.severity === severity).length }))
    .filter(({ severity, count }) => severity === 'ok' || count > 0)
    .map(({ severity, count }) => `${count} ${words[severity][count === 1 ? 0 : 1]}`)
    .join(', ')
}

/** Narrower than this, a sentence is hard to read. */
const leastMeaningWidth = 24

/** All that can be found, as a table. */
export function conditionsText({ colour, width }: Pick<Io, 'colour' | 'width'>): string {
  const paint = painter(colour)
  const rows = Object.entries(conditions).map(([id, [severity, meaning]]) => [
    id,
    severity
      .split(', ')
      .map((one) => paint.state(one))
      .join(', '),
    meaning,
  ])
  // Prose is not cut: it goes on below.
  const before =
    Math.max(
      ...table([['ID', 'SEVERITY'], ...rows])
        .split('\n')
        .map(visibleWidth),
    ) + 2
  const room = Math.max(leastMeaningWidth, (width ?? Number.POSITIVE_INFINITY) - before)
  const wrapped = rows.map(([id = '', severity = '', meaning = '']) => [
    id,
    severity,
    wrapWords(meaning, room).join('\n'),
  ])
  return table([['ID', 'SEVERITY', 'FOUND'], ...wrapped])
}
