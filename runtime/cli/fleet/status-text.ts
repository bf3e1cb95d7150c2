import type { HostInFleet, HostStanding } from '../../backup/fleet/overview.ts'
import { agoText, type Painter, printable } from '../format.ts'
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
    printable(one.version ?? '-'),
    one.labels.map(printable).join(' '),
  ])
  const head = ['HOST', 'STATE', 'LAST GOOD', 'LAST PROVEN', 'HEARD', 'VERSION', 'LABELS']
  const remarks = hosts.flatMap(({ host, troubles, missing, state }) => [
    ...(state === 'revoked' ? [] : troubles.map((text) => `${host}: ${printable(text)}\n`)),
    ...(missing > 0
      ? [`${host}: ${missing} of its events were told to a hub whose store was lost since\n`]
      : []),
  ])
  return `${table([head, ...rows], width)}${remarks.join('')}`
}

function coloured(state: HostStanding, paint: Painter): string {
  if (state === 'failing' || state === 'overdue' || state === 'silent') return paint.red(state)
  return state === 'held' || state === 'degraded' || state === 'waiting' ? paint.yellow(state) : state
}
