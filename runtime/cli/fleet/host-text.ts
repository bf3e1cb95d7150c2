import type { RunResult } from '../../../events/index.ts'
import type { HostFailure } from '../../backup/fleet/host-nights.ts'
import type { HostInFleet } from '../../backup/fleet/overview.ts'
import type { PushedSet } from '../../config/pushed/merge.ts'
import { counted } from '../../count.ts'
import { localMinute } from '../../instant.ts'
import { tookMs } from '../../run-duration.ts'
import { formatBytes, formatDuration } from '../../units.ts'
import { agoText, type Painter, printable } from '../format.ts'
import { table } from '../table.ts'
import { coloured, commandText, perDayText } from './status-text.ts'

/** What the hub has on record of a host besides how it stands. */
interface OnRecord {
  /** The newest first. */
  nights: readonly RunResult[]
  failures: readonly HostFailure[]
  /** What this hub has set in its config. */
  set: PushedSet
}

interface Look {
  now: number
  paint: Painter
  width: number | undefined
}

/** What `hdsync fleet status HOST` prints on a hub: all of it is what the host has said. */
export function hostText(host: HostInFleet, { nights, failures, set }: OnRecord, look: Look): string {
  const lists: [title: string, lines: readonly string[]][] = [
    [
      'asked of it',
      host.commands.map((command) => `${minuteOf(command.givenAt)}  ${commandText(command, host)}`),
    ],
    ['set in its config, see hdsync fleet config', set.map(({ key, value }) => `${key} ${value}`)],
    ['what else has failed', failures.map(({ at, text }) => `${minuteOf(at)}  ${printable(text)}`)],
  ]
  return [
    factsOf(host, look),
    host.troubles.map((text) => `  ${printable(text)}\n`).join(''),
    sourcesOf(host, look),
    disksOf(host, look),
    nightsOf(nights, look),
    ...lists.map(([title, lines]) => (lines.length === 0 ? '' : `${title}:\n${indented(lines)}`)),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

function factsOf(host: HostInFleet, { now, paint }: Look): string {
  const { state, heardAt, lastGoodAt, lastProvenAt, version, labels, missing } = host
  const ago = (iso: string | null) => (iso === null ? 'never' : agoText(now - Date.parse(iso)))
  const said = [
    `${host.host}: ${coloured(state, paint)}`,
    `last good ${ago(lastGoodAt)}`,
    `last proven ${ago(lastProvenAt)}`,
    `heard ${ago(heardAt)}`,
    ...(version === null ? [] : [`version ${printable(version)}`]),
    ...(labels.length === 0 ? [] : [`labels ${labels.map(printable).join(' ')}`]),
  ]
  const lost =
    missing > 0 ? `${counted(missing, 'event')} of it were told to a hub whose store was lost since\n` : ''
  return `${said.join(', ')}\n${lost}`
}

function sourcesOf({ sources }: HostInFleet, { now, paint, width }: Look): string {
  if (sources.length === 0) return ''
  const rows = sources.map(({ source, state, overdue, lastGoodAt }) => [
    printable(source),
    paint.state(overdue ? 'overdue' : printable(state)),
    lastGoodAt === null ? 'never' : agoText(now - Date.parse(lastGoodAt)),
  ])
  return table([['SOURCE', 'STATE', 'LAST GOOD'], ...rows], width)
}

function disksOf({ disks }: HostInFleet, { width }: Look): string {
  if (disks.length === 0) return ''
  const rows = disks.map((disk) => [
    printable(disk.target),
    formatBytes(disk.totalBytes - disk.freeBytes),
    formatBytes(disk.freeBytes),
    perDayText(disk) ?? '-',
    disk.daysLeft === null ? '-' : String(Math.floor(disk.daysLeft)),
  ])
  return table([['DISK', 'USED', 'FREE', 'A DAY', 'DAYS LEFT'], ...rows], width)
}

function nightsOf(nights: readonly RunResult[], { paint, width }: Look): string {
  if (nights.length === 0) return ''
  const rows = nights.map((night) => {
    const took = tookMs(night)
    const bytes = night.sources.reduce((sum, { bytesTransferred }) => sum + (bytesTransferred ?? 0), 0)
    return [
      minuteOf(night.startedAt),
      paint.state(night.state),
      took === undefined ? '-' : formatDuration(Math.round(took / 1000) * 1000),
      formatBytes(bytes),
      printable(night.run),
      night.sources.flatMap(reasonsOf).join(', '),
    ]
  })
  return table([['NIGHT', 'STATE', 'TOOK', 'DATA', 'RUN', 'NOT GOOD'], ...rows], width)
}

function reasonsOf({ source, state, error }: RunResult['sources'][number]): string[] {
  if (state === 'succeeded') return []
  return [`${printable(source)} ${state}${error === null ? '' : `: ${printable(error)}`}`]
}

function minuteOf(iso: string): string {
  const at = Date.parse(iso)
  return Number.isNaN(at) ? printable(iso) : localMinute(at)
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}\n`).join('')
}
