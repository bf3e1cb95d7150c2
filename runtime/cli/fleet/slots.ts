import type { FleetPause } from '../../backup/fleet/slots/pauses.ts'
import type { Daemon } from '../daemon/client.ts'
import type { SlotsAnswer } from '../daemon/local.ts'
import { localTime, printable } from '../format.ts'

const none: SlotsAnswer = { servers: [], places: [], isNew: false, paused: [] }

/** How slots and pauses stand, as the daemon of the hub has it; none where that does not run, or knows of none. */
export async function slotsOf(daemon: Pick<Daemon, 'get'> | undefined): Promise<SlotsAnswer> {
  return (await daemon?.get<SlotsAnswer>('/slots').catch(() => none)) ?? none
}

/** A pause in words, with the command that ends it. */
export function pauseText({ of, name, since }: FleetPause): string {
  const what =
    of === 'all' ? 'everything' : of === 'server' ? printable(name) : `the label ${printable(name)}`
  const again = of === 'all' ? '' : of === 'server' ? ` ${printable(name)}` : ` --label ${printable(name)}`
  return `${what} is paused since ${localTime(Date.parse(since))}: hosts that wait go on once their patience is at an end (hdsync fleet resume${again})`
}

/** What `hdsync fleet status` says of slots. */
export function slotsText({ servers, places, isNew, paused }: SlotsAnswer): string {
  const lines = servers.flatMap(({ server, atMost }) => {
    const own = places.filter((place) => place.server === server)
    const hosts = (state: string) => own.flatMap((one) => (one.state === state ? one.host : []))
    const [working, alone, waiting] = [hosts('granted'), hosts('alone'), hosts('waits')]
    if (own.length === 0) return []
    return [
      [
        `${server}: ${working.length} of ${atMost} slots${listed(working)}`,
        ...(alone.length > 0 ? [`${alone.length} without a slot${listed(alone)}`] : []),
        ...(waiting.length > 0 ? [`${waiting.length} waiting${listed(waiting)}`] : []),
      ].join('; '),
    ]
  })
  const isWaited = isNew && places.some(({ state }) => state === 'waits')
  const fresh = isWaited
    ? ['the hub has just begun: it grants slots once all hosts have had time to say what they have']
    : []
  return [...lines, ...fresh, ...paused.map(pauseText)].map((line) => `${line}\n`).join('')
}

const named = 5

function listed(hosts: readonly string[]): string {
  if (hosts.length === 0) return ''
  const more = hosts.length > named ? `, … (${hosts.length})` : ''
  return ` (${hosts.slice(0, named).join(', ')}${more})`
}
