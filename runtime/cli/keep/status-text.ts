import type { Status, TargetStatus } from '../../backup/status/read-status.ts'
import { formatBytes } from '../../units.ts'
import { dateOf } from '../../weekday.ts'
import { ageText, localDay, localTime, type Painter, painter, printable, wrapWords } from '../format.ts'
import type { Io } from '../io.ts'
import { rebuildCommand, staleText } from '../points/stale-text.ts'
import { disabledText } from '../story/disabled-text.ts'
import { table } from '../table.ts'
import { copyLines } from './copies-text.ts'

const columns = 80

/** The status as a page of a terminal: what needs somebody comes first. */
export function statusText(status: Status, { colour, width = columns }: Io): string {
  const paint = painter(colour)
  return [
    headText(status, paint),
    sourcesText(status, paint, width),
    ...status.sources.flatMap((source) => problemLines(source, paint, width)),
    ...status.sources.flatMap((source) => drillLines(source, paint, width)),
    ...status.sources.flatMap((source) => catalogueLines(source, paint, width)),
    status.targets.map((target) => targetText(target, paint)).join(''),
    copyLines(status, paint),
    proofText(status),
    disabledText(status.disabledFunctions),
  ]
    .filter((text) => text !== '')
    .join('\n')
}

function headText({ sources, run, nextRunAt, waits, at }: Status, paint: Painter): string {
  const bad = sources.filter(({ state }) => state !== 'succeeded').length
  const all = `${sources.length} source${sources.length === 1 ? '' : 's'}`
  const what =
    bad === 0
      ? paint.green(`${all}, all is well`)
      : paint.yellow(`${all}, ${bad} ${bad === 1 ? 'needs' : 'need'} a look`)
  const inMs = nextRunAt === null ? 0 : Date.parse(nextRunAt) - Date.parse(at)
  const begun = sources.some(({ state }) => state !== 'none')
  const next = waits
    ? `run ${waits.run} waits for a slot of ${printable(waits.server)}, until ${localTime(Date.parse(waits.until))} at the latest`
    : run
      ? `run ${run} is going on`
      : nextRunAt
        ? `next run in ${ageText(inMs)}`
        : ''
  if (!begun)
    return `${[`${all}, none is backed up yet`, next || 'hdsync run makes the first backup'].join('; ')}\n`
  return `${[what, next].filter(Boolean).join('; ')}\n`
}

function sourcesText({ sources, at }: Status, paint: Painter, width: number): string {
  const now = Date.parse(at)
  const since = (iso: string | null) => (iso === null ? '-' : ageText(now - Date.parse(iso)))
  // Where no drill was ever made there is nothing to tell of it.
  const isDrilled = sources.some(({ drill }) => drill !== null)
  const rows = sources.map((one) => [
    one.lastGoodAt === null ? 'never' : since(one.lastGoodAt).replace(/(?<=[dhms])$/, ' ago'),
    one.source,
    paint.state(stateWord(one.state)),
    String(one.restorePoints),
    one.oldestAt === null ? '-' : dateOf(Date.parse(one.oldestAt)),
    one.sizeBytes > 0 ? formatBytes(one.sizeBytes) : '-',
    one.growthBytes === null ? '-' : signed(one.growthBytes),
    since(one.provenAt),
    ...(isDrilled ? [since(one.provenRestoreAt)] : []),
  ])
  return table(
    [
      [
        'LAST GOOD',
        'SOURCE',
        'STATE',
        'POINTS',
        'BACK TO',
        'SIZE',
        'A WEEK',
        'PROVEN',
        ...(isDrilled ? ['RESTORED'] : []),
      ],
      ...rows,
    ],
    width,
  )
}

const stateWord = (state: string) =>
  state === 'overdue' ? 'failed: late' : state === 'none' ? 'waiting' : state

function signed(bytes: number): string {
  return bytes === 0 ? '0 B' : `${bytes > 0 ? '+' : '-'}${formatBytes(Math.abs(bytes))}`
}

function problemLines(source: Status['sources'][number], paint: Painter, width: number): string[] {
  const { source: name, state, problem, todo, lastGoodAt } = source
  if (state === 'none' || (problem === null && todo === null)) return []
  const good = lastGoodAt === null ? '' : ` (last good: ${localDay(Date.parse(lastGoodAt))})`
  const text = printable(`${state}: ${problem ?? ''}${state === 'degraded' ? '' : good}`)
  const [first = '', ...rest] = wrapWords(`${name}: ${text}`, width - 2)
  return [
    [
      `${paint.bold(name)}${first.slice(name.length)}`,
      ...rest.map((line) => `  ${line}`),
      ...(todo === null ? [] : [`  ${paint.cyan(todo)}`]),
      '',
    ].join('\n'),
  ]
}

/** What a drill has found wrong with a source, until another one has gone well. */
function drillLines({ source, drill }: Status['sources'][number], paint: Painter, width: number): string[] {
  if (drill?.state !== 'failed') return []
  const lines = wrapWords(printable(`${source}: its last drill failed: ${drill.error ?? ''}`), width - 2)
  const [first = '', ...rest] = lines
  return [
    [
      `${paint.bold(source)}${paint.yellow(first.slice(source.length))}`,
      ...rest.map((line) => `  ${line}`),
      `  ${paint.cyan(`hdsync drill ${source}`)}`,
      '',
    ].join('\n'),
  ]
}

/** A catalogue that does not know all archives. */
function catalogueLines(
  { source, uncatalogued }: Status['sources'][number],
  paint: Painter,
  width: number,
): string[] {
  if (uncatalogued.length === 0) return []
  const [first = '', ...rest] = wrapWords(printable(staleText(source, uncatalogued)), width - 2)
  return [
    [
      `${paint.bold(source)}${first.slice(source.length)}`,
      ...rest.map((line) => `  ${line}`),
      `  ${paint.cyan(rebuildCommand(source))}`,
      '',
    ].join('\n'),
  ]
}

function targetText(
  { path, mounted, freeBytes, totalBytes, tiers, perDayBytes, daysLeft }: TargetStatus,
  paint: Painter,
): string {
  const room =
    freeBytes === null || totalBytes === null
      ? 'not mounted'
      : `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free${mounted ? '' : ' when it was last mounted'}`
  const growth =
    perDayBytes === null || perDayBytes <= 0
      ? ''
      : `, ${formatBytes(perDayBytes)} a day${daysLeft === null ? '' : `: full in ${daysText(daysLeft)}`}`
  const parts = Object.entries(tiers)
    .filter(([, bytes]) => bytes > 0)
    .map(([tier, bytes]) => `${tier} ${formatBytes(bytes)}`)
  const isShort = daysLeft !== null && daysLeft < 14
  return [
    `${paint.bold(path)}  ${isShort ? paint.yellow(`${room}${growth}`) : `${room}${growth}`}\n`,
    ...(parts.length > 0 ? [`  ${parts.join(', ')}\n`] : []),
  ].join('')
}

function proofText({ verify }: Status): string {
  if (!verify?.turnMs || verify.totalBytes === null) return ''
  const oldest =
    verify.oldestAt === null ? 'not all of it yet' : `all since ${localDay(Date.parse(verify.oldestAt))}`
  return `read again and proven: ${oldest}; all of it once, ${formatBytes(verify.totalBytes)}, takes ${ageText(Math.max(60_000, verify.turnMs))}\n`
}

function daysText(days: number): string {
  if (days < 1) return 'less than a day'
  if (days < 60) return `${Math.floor(days)} days`
  return days < 730 ? `${Math.floor(days / 30)} months` : 'years'
}
