import {
  type DiskInFleet,
  type HostInFleet,
  type HostStanding,
  isFullSoon,
  isOfNote,
} from '../../backup/fleet/overview.ts'
import { counted } from '../../count.ts'
import { formatBytes } from '../../units.ts'
import { agoText, localTime, type Painter, printable } from '../format.ts'
import { table } from '../table.ts'

/** What `hdsync fleet status` prints on a hub. */
export function fleetText(
  hosts: readonly HostInFleet[],
  now: number,
  paint: Painter,
  width?: number,
): string {
  if (hosts.length === 0) return 'no hosts: hdsync fleet enroll HOST\n'
  const ago = (at: string | null) => (at === null ? 'never' : agoText(now - Date.parse(at)))
  const rows = hosts.map((one) => [
    one.host,
    coloured(one.state, paint),
    ago(one.lastGoodAt),
    ago(one.lastProvenAt),
    ago(one.heardAt),
    diskText(one.disks[0]),
    printable(one.version ?? '-'),
    one.labels.map(printable).join(' '),
  ])
  const head = ['HOST', 'STATE', 'LAST GOOD', 'LAST PROVEN', 'HEARD', 'DISK', 'VERSION', 'LABELS']
  const remarks = hosts.flatMap(({ host, troubles, missing, state, commands, disks, ...said }) => [
    ...(state === 'revoked' ? [] : troubles.map((text) => `${host}: ${printable(text)}\n`)),
    ...disks.filter(isFullSoon).map((disk) => `${host}: ${fullText(disk)}\n`),
    ...commands.filter(isOfNote).map((command) => `${host}: ${commandText(command, said)}\n`),
    ...(missing > 0
      ? [`${host}: ${missing} of its events were told to a hub whose store was lost since\n`]
      : []),
  ])
  return `${table([head, ...rows], width)}${remarks.join('')}`
}

/** How full a disk is, and what a day takes of it. */
function diskText(disk: DiskInFleet | undefined): string {
  if (!disk || disk.totalBytes === 0) return '-'
  const { freeBytes, totalBytes } = disk
  const used = `${Math.round(Math.max(0, 1 - freeBytes / totalBytes) * 100)}%`
  const perDay = perDayText(disk)
  return perDay === undefined ? used : `${used} ${perDay}/d`
}

/** What a day takes of a disk; undefined where that is not known. */
export function perDayText({ perDayBytes }: DiskInFleet): string | undefined {
  if (perDayBytes === null) return undefined
  return `${perDayBytes < 0 ? '-' : '+'}${formatBytes(Math.abs(perDayBytes))}`
}

function fullText({ target, daysLeft }: DiskInFleet): string {
  const days = Math.floor(daysLeft ?? 0)
  return `${printable(target)} is full in ${days < 1 ? 'less than a day' : counted(days, 'day')} if it goes on like that`
}

/** A command of the hub in words. @param host What its host says of itself. */
export function commandText(
  { type, state, reason, run, expiresAt }: CommandInFleet,
  host?: Pick<HostInFleet, 'version' | 'obeys'>,
): string {
  const why = reason === null ? '' : `: ${printable(reason)}`
  if (state === 'waiting')
    return `${type} waits for the host, until ${localTime(Date.parse(expiresAt))}${host ? deafText(host) : ''}`
  if (state === 'taken')
    return `${type} is going on there, or waits for its turn, as run ${printable(run ?? '')}`
  if (state === 'expired') return `${type}: the host was not there in time`
  return `${type}: ${state}${why}`
}

/** Why a host may never answer. One that was upgraded says with the next thing that it tells what it obeys. */
function deafText({ version, obeys }: Pick<HostInFleet, 'version' | 'obeys'>): string {
  if (version === null || obeys !== null) return ''
  return `: version ${printable(version)} there has not said that it knows of commands; an older one never answers`
}

type CommandInFleet = HostInFleet['commands'][number]

/** How a host stands, in its colour. */
export function coloured(state: HostStanding, paint: Painter): string {
  if (state === 'failing' || state === 'overdue' || state === 'silent') return paint.red(state)
  return state === 'held' || state === 'degraded' || state === 'waiting' ? paint.yellow(state) : state
}
