import { faults } from './findings.ts'
import type { Hit } from './interrupted.ts'
import { allPhases, kinds } from './plan.ts'
import type { Report } from './worker.ts'

const hits: readonly Hit[] = ['start', ...(Object.keys(allPhases) as Hit[]), 'end', 'missed']

/** What came of it: a column for each kind of trial, a row for each fault, and before that for where it hit. */
export function tableOf(reports: readonly Report[]): string {
  const columns = kinds.filter((kind) => reports.some(({ trial }) => trial.kind === kind))
  const row = (name: string, count: (reports: readonly Report[]) => number) => [
    name,
    ...columns.map((kind) => String(count(reports.filter(({ trial }) => trial.kind === kind)))),
    String(count(reports)),
  ]
  const rows = [
    ['', ...columns, 'all'],
    row('trials', (some) => some.length),
    ...hits
      .map((hit) => row(`  ${hit}`, (some) => some.filter((report) => report.hit === hit).length))
      .filter((cells) => cells.at(-1) !== '0'),
    ...faults.map((fault) =>
      row(
        fault,
        (some) => some.flatMap(({ findings }) => findings).filter((found) => found.fault === fault).length,
      ),
    ),
  ]
  const widths =
    rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? []
  return rows
    .map((cells) =>
      cells
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart((widths[column] ?? 0) + 2),
        )
        .join(''),
    )
    .join('\n')
}
