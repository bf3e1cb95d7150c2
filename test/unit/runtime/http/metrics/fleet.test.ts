import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { noState } from '../../../../../runtime/backup/fleet/host-state.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../../../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { HubFolder } from '../../../../../runtime/host/fleet/hub-folder.ts'
import { fleetSamples, slotSamples } from '../../../../../runtime/http/metrics/fleet.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const now = Date.UTC(2026, 2, 10)
const at = '2026-03-09T12:00:00.000Z'
const hour = 3_600_000

function makeHub() {
  const folder = temporaryFolder()
  const database = openDatabase(join(folder, 'state'))
  onTestFinished(() => database.close())
  const inbox = new Inbox(database)
  const list = new HubFolder(join(folder, 'fleet'))
  const source = { state: 'succeeded', error: null, lastGoodAt: at, overdue: false }
  const about = { version: '1.0.0', labels: [], silentAfterMs: 36 * hour }
  const row = { epoch: 'e', seq: 1, id: 'i', missing: 0, about }
  const state = { ...noState, sources: { home: source }, lastProvenAt: at }
  inbox.keep({ ...row, host: 'web1', heardAt: now - hour, state })
  inbox.keep({ ...row, host: 'web2', heardAt: now - 40 * hour, state: noState })
  const others = ['hub2', 'hub3'].map((hub) => ({ hub, heardAt: at, isGone: hub === 'hub3' }))
  inbox.role = { isActive: true, active: hostname(), since: at, others }
  const engine = { fleet: { inbox, outbox: undefined, publishWith: () => [] } }
  return (role: 'hub' | 'host') => {
    const folder = role === 'hub' ? `, folder: ${list.path}` : ''
    const text = `sources: { home: { path: /home, target: disk } }\ntargets: { disk: { path: /srv } }\nfleet: { role: ${role}, servers: ['tls://h:1']${folder} }\n`
    return fleetSamples(engine, parseConfig(text, 'hdsync.yaml').fleet, now)
  }
}

test('a hub has figures of each of its hosts', () => {
  const samples = makeHub()('hub')
  const states = samples.filter(({ name, value }) => name === 'hdsync_fleet_host_state' && value === 1)
  expect(states.map(({ labels }) => labels)).toEqual([
    { host: 'web2', state: 'silent' },
    { host: 'web1', state: 'good' },
  ])
  const times = samples.filter(({ name }) => name.endsWith('_seconds'))
  expect(times.map(({ labels: { host }, value }) => [host, value])).toEqual([
    ...[0, 0, now / 1000 - 40 * 3600].map((value) => ['web2', value]),
    ...[Date.parse(at) / 1000, Date.parse(at) / 1000, now / 1000 - 3600].map((value) => ['web1', value]),
  ])
})

test('a hub has figures of how hubs stand', () => {
  const hubs = makeHub()('hub').filter(({ name }) => name === 'hdsync_fleet_hub_state')
  expect(hubs).toHaveLength(9)
  expect(hubs.filter(({ value }) => value === 1).map(({ labels }) => labels)).toEqual([
    { hub: hostname(), state: 'acts' },
    { hub: 'hub2', state: 'standby' },
    { hub: 'hub3', state: 'gone' },
  ])
})

test('a host of a fleet has no figures of others', () => {
  expect(makeHub()('host')).toEqual([])
})

test('a hub has figures of its slots, also of servers at which nobody is', () => {
  const place = (host: string, state: 'granted' | 'waits') => ({ host, server: 'vault1', state, since: 0 })
  const servers = [
    { server: 'vault1', atMost: 2 },
    { server: 'vault2', atMost: 8 },
  ]
  const places = [place('a', 'granted'), place('b', 'waits'), place('c', 'waits')]
  const samples = slotSamples({ servers, places })
  expect(samples.map(({ labels, value }) => [...Object.values(labels), value].join(' '))).toEqual([
    ...['vault1 2', 'vault1 granted 1', 'vault1 alone 0', 'vault1 waits 2'],
    ...['vault2 8', 'vault2 granted 0', 'vault2 alone 0', 'vault2 waits 0'],
  ])
  expect(slotSamples(undefined)).toEqual([])
})
