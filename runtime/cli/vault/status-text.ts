import type { HostInVault } from '../../backup/vault/overview.ts'
import { formatBytes } from '../../units.ts'
import { dateOf } from '../../weekday.ts'
import { agoText, type Painter, printable } from '../format.ts'
import { table } from '../table.ts'

/** What `hdsync vault status` prints. */
export function vaultText(
  hosts: readonly HostInVault[],
  now: number,
  paint: Painter,
  width?: number,
): string {
  if (hosts.length === 0)
    return 'no hosts: `vault: { hosts: { NAME: {} } }` in the config, and hdsync vault add-host NAME\n'
  const rows = hosts.flatMap((host) => {
    const used = `${formatBytes(host.usedBytes)}${host.quotaBytes === null ? '' : ` of ${formatBytes(host.quotaBytes)}`}`
    if (host.sources.length === 0) return [[host.host, used, '', '', '', '', '']]
    return host.sources.map(({ source, copies, different, lastAt, lastNight, sizeBytes }, n) => [
      n === 0 ? host.host : '',
      n === 0 ? used : '',
      source,
      `${copies}${different < copies ? ` (${different})` : ''}`,
      formatBytes(sizeBytes),
      lastAt === null ? 'never' : agoText(now - Date.parse(lastAt)),
      lastNight === null ? '-' : dateOf(Date.parse(lastNight)),
    ])
  })
  const head = ['HOST', 'USED', 'SOURCE', 'COPIES', 'SIZE', 'ARRIVED', 'NIGHT']
  return `${table([head, ...rows], width)}${hosts.map((host) => remarks(host, now, paint)).join('')}`
}

function remarks(
  { host, prepared, record, sources, pull }: HostInVault,
  now: number,
  paint: Painter,
): string {
  if (!prepared)
    return `${paint.yellow(`${host}: the vault is not prepared for it`)}\n  ${paint.cyan(`hdsync vault add-host ${host}`)}\n`
  const isUnread =
    record === null
      ? ''
      : `${paint.red(`${host}: its record is damaged: ${printable(record)}`)}\n  none of its copies goes; look after the disk (dmesg, smartctl), read all copies: ${paint.cyan(`hdsync vault check ${host} --all`)}, then take such lines out of the file\n`
  const ofSources = sources
    .map(({ source, odd, damaged, waits }) => {
      const bad = damaged > 0 ? `${paint.red(`${source} of ${host}: ${damaged} damaged`)}\n` : ''
      const isOdd = odd
        ? `${paint.yellow(`${source} of ${host}: odd since ${dateOf(Date.parse(odd.at))}: ${odd.reasons.map(printable).join('; ')}`)}\n  look at ${host}; none of its older copies goes until: ${paint.cyan(`hdsync vault release ${host} ${source}`)}\n`
        : ''
      const why =
        !odd && waits !== null && record === null ? `${source} of ${host}: nothing goes: ${waits}\n` : ''
      return `${bad}${isOdd}${why}`
    })
    .join('')
  return `${isUnread}${ofSources}${pull ? ofPull(host, pull, now, paint) : ''}`
}

function ofPull(
  host: string,
  { ssh, triedAt, goodAt, error, passes, overdue }: NonNullable<HostInVault['pull']>,
  now: number,
  paint: Painter,
): string {
  const ago = (at: string | null) => (at === null ? 'never' : agoText(now - Date.parse(at)))
  const how = `${host}: fetched from ${ssh}: last attempted ${ago(triedAt)}, had everything ${ago(goodAt)}`
  const late = overdue ? `${paint.yellow(`${host}: OVERDUE: nothing has come for too long`)}\n` : ''
  const failed =
    error === null
      ? ''
      : `${(passes ? paint.yellow : paint.red)(`${host}: ${printable(error)}`)}\n  to fetch now: ${paint.cyan(`hdsync vault pull ${host}`)}\n`
  return `${how}\n${late}${failed}`
}
