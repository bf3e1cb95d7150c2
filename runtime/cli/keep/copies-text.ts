import type { CopyStatus } from '../../backup/copies/copy-status.ts'
import type { Status } from '../../backup/status/read-status.ts'
import { counted } from '../../count.ts'
import { formatBytes } from '../../units.ts'
import { dateOf } from '../../weekday.ts'
import { agoText, type Painter, printable } from '../format.ts'
import { table } from '../table.ts'

/** A line of `hdsync status` for each place that gets copies, and what to type where it has not got everything for too long. */
export function copyLines({ copies = [], at }: Pick<Status, 'copies' | 'at'>, paint: Painter): string {
  return copies.map((copy) => copyLine(copy, Date.parse(at), paint)).join('')
}

function copyLine(status: CopyStatus, now: number, paint: Painter): string {
  const { copy, lastGoodAt, state } = status
  const has =
    waitingOf(status) === 0 ? 'has every archive' : `${counted(waitingOf(status), 'archive')} to be copied`
  const when =
    lastGoodAt === null ? 'it has never had all' : `had all ${agoText(now - Date.parse(lastGoodAt))}`
  const line = `copy ${copy}: ${has}; ${when}`
  const needs = state === 'overdue' || state === 'failed'
  return needs
    ? `${paint.yellow(`${line}; ${state}${errorText(status)}`)}\n  ${paint.cyan(`hdsync copy ${copy}`)}\n`
    : `${line}${state === 'absent' ? `; ${status.ssh === undefined ? 'its disk is not there' : 'it cannot be reached'}` : ''}\n`
}

/** What `hdsync copies` prints. */
export function copiesText(
  copies: readonly CopyStatus[],
  now: number,
  paint: Painter,
  width?: number,
): string {
  const rows = copies.flatMap((status) =>
    status.sources.map(({ source, archives, newestAt, sizeBytes, waiting }, n) => [
      n === 0 ? status.copy : '',
      n === 0 ? paint.state(status.state) : '',
      n === 0 ? (status.lastGoodAt === null ? 'never' : agoText(now - Date.parse(status.lastGoodAt))) : '',
      source,
      String(archives),
      newestAt === null ? '-' : dateOf(Date.parse(newestAt)),
      sizeBytes > 0 ? formatBytes(sizeBytes) : '-',
      String(waiting),
    ]),
  )
  const head = ['COPY', 'STATE', 'HAD ALL', 'SOURCE', 'ARCHIVES', 'NEWEST', 'SIZE', 'TO BE COPIED']
  const problems = copies
    .filter(({ state, error }) => error !== null && state !== 'succeeded')
    .map((status) => `${status.copy}: ${status.state}${errorText(status)}\n`)
  return `${table([head, ...rows], width)}${problems.length > 0 ? `\n${problems.join('')}` : ''}`
}

function waitingOf({ sources }: CopyStatus): number {
  return sources.reduce((sum, { waiting }) => sum + waiting, 0)
}

function errorText({ error }: CopyStatus): string {
  return error === null ? '' : `: ${printable(error)}`
}
