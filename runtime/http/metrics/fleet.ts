import { hostname } from 'node:os'
import { type HubStanding, hubStates, hubsOf } from '../../backup/fleet/hubs/standing.ts'
import { fleetOverview, hostStandings } from '../../backup/fleet/overview.ts'
import type { Config } from '../../config/config.ts'
import { HubFolder } from '../../host/fleet/hub-folder.ts'
import type { FleetSlots, HttpEngine } from '../context.ts'
import type { Sample } from './catalogue.ts'

/** How the hosts of a fleet stand; nothing where this machine is no hub. @param now Milliseconds since the epoch. */
export function fleetSamples(
  { fleet: { inbox } }: Pick<HttpEngine, 'fleet'>,
  fleet: Config['fleet'],
  now: number,
): Sample[] {
  if (fleet?.role !== 'hub') return []
  const folder = new HubFolder(fleet.folder)
  const seconds = (at: string | null) => (at === null ? 0 : Date.parse(at) / 1000)
  const hosts = fleetOverview(inbox.hosts(), folder.hosts(), now).flatMap(
    ({ host, state, lastGoodAt, lastProvenAt, heardAt }): Sample[] => [
      ...hostStandings.map((one) => ({
        name: 'hdsync_fleet_host_state' as const,
        labels: { host, state: one },
        value: one === state ? 1 : 0,
      })),
      { name: 'hdsync_fleet_host_last_good_timestamp_seconds', labels: { host }, value: seconds(lastGoodAt) },
      {
        name: 'hdsync_fleet_host_last_proven_timestamp_seconds',
        labels: { host },
        value: seconds(lastProvenAt),
      },
      { name: 'hdsync_fleet_host_heard_timestamp_seconds', labels: { host }, value: seconds(heardAt) },
    ],
  )
  const ends = folder.certificateEndsAt
  const hubs = hubSamples(hubsOf(inbox.role, hostname()))
  if (ends === undefined) return [...hosts, ...hubs]
  return [
    ...[...hosts, ...hubs],
    { name: 'hdsync_fleet_certificate_end_timestamp_seconds', labels: {}, value: ends / 1000 },
  ]
}

function hubSamples(hubs: readonly HubStanding[]): Sample[] {
  return hubs.flatMap(({ hub, state }) =>
    hubStates.map((one) => ({
      name: 'hdsync_fleet_hub_state' as const,
      labels: { hub, state: one },
      value: one === state ? 1 : 0,
    })),
  )
}

const slotStates = ['granted', 'alone', 'waits'] as const

/** Who is at work on each backup server, and who waits. */
export function slotSamples(slots: Pick<FleetSlots, 'servers' | 'places'> | undefined): Sample[] {
  return (slots?.servers ?? []).flatMap(({ server, atMost }): Sample[] => [
    { name: 'hdsync_fleet_slots', labels: { server }, value: atMost },
    ...slotStates.map((state) => ({
      name: 'hdsync_fleet_slot_hosts' as const,
      labels: { server, state },
      value: slots?.places.filter((one) => one.server === server && one.state === state).length ?? 0,
    })),
  ])
}
