import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkFleet } from '../../../../../runtime/cli/checks/fleet.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { DEFAULT_CONFIG_FILE } from '../../../../../runtime/config/config-file.ts'
import { merged, ownSettings } from '../../../../../runtime/config/pushed/merge.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../../../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { selfSigned } from '../../../self-signed.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { boxWith } from './lvm.ts'

const unit = (facts: Record<string, string> = {}) =>
  Object.entries({ LoadState: 'loaded', UnitFileState: 'static', ActiveState: 'active', ...facts })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

function configOf(fleet: string, file = DEFAULT_CONFIG_FILE) {
  return parseConfig(
    `sources: { var: { path: /nowhere/var, target: disk } }
targets: { disk: { path: /nowhere/disk } }
${fleet}`,
    file,
  )
}

function check(systemctl: string, fleet: string, file?: string) {
  const config = configOf(fleet, file)
  return checkFleet({ ...boxWith([], { systemctl }, config), systemd: true })
}

const host = (obeys: string) => `fleet: { role: host, servers: ['tls://hub1:4222'], obeys: [${obeys}] }`
const hub = `fleet: { role: hub, servers: ['tls://hub1:4222'], folder: /nowhere/fleet }`

test('checkFleet() tells of a daemon that is not there for what the hub may ask for', async () => {
  const wanted = unit({ WantedBy: 'multi-user.target' })
  expect(await check(wanted, host('backup.start'))).toMatchObject([{ id: 'fleet.daemon' }])
  for (const part of [host('backup.start'), hub]) {
    expect(await check(unit({ WantedBy: '' }), part)).toMatchObject([
      { id: 'fleet.no-daemon', finding: expect.stringContaining('is not started at boot') },
    ])
    expect(await check(unit({ ActiveState: 'inactive' }), part)).toMatchObject([
      {
        id: 'fleet.no-daemon',
        finding: expect.stringContaining('does not run'),
        remedy: 'systemctl add-wants multi-user.target hdsync && systemctl restart hdsync',
      },
    ])
  }
})

test('checkFleet() says nothing where no daemon is needed, or that of another config', async () => {
  const none = unit({ ActiveState: 'inactive' })
  expect(await check(none, '')).toEqual([])
  expect(await check(none, host(''))).toEqual([])
  expect(await check(none, host('backup.start'), '/tmp/other.yaml')).toEqual([])
})

test('checkFleet() says what the hub has set, where that is in force', async () => {
  const config = configOf(host('config.set'))
  const own = ownSettings(config)
  const { values } = merged(own, [
    { key: 'sources.var.maxDelete', value: '5%' },
    { key: 'keep', value: '1d' },
  ])
  const pushed = { number: 1, at: '2026-01-01T00:00:00.000Z', isObeyed: true, values, own }
  const [found] = await checkFleet({ ...boxWith([], {}, { ...config, pushed }), systemd: false })
  expect(found).toMatchObject({ id: 'fleet.config', severity: 'ok' })
  expect(found?.finding).toMatch(/^the hub has set sources\.var\.maxDelete 5%, in place of \d+%$/)
})

test('checkFleet() tells of another hub that is gone', async () => {
  const state = temporaryFolder()
  const database = openDatabase(state)
  const heardAt = '2026-03-09T12:00:00.000Z'
  const others = ['hub2', 'hub3'].map((name) => ({ hub: name, heardAt, isGone: name === 'hub3' }))
  new Inbox(database).role = { isActive: true, active: 'hub1', since: heardAt, others }
  database.close()
  const found = await check(unit({ WantedBy: 'multi-user.target' }), `${hub}\nstate: ${state}`)
  expect(found.filter(({ severity }) => severity !== 'ok')).toMatchObject([
    {
      ...{ id: 'fleet.hub-gone', severity: 'warning', remedy: 'on hub3: systemctl status hdsync' },
      finding: expect.stringContaining('nothing is heard of the hub hub3 since 2026-03-09'),
    },
  ])
})

test.each([
  [29, 'the certificate of the NATS server expires in 28 days'],
  [31, undefined],
])('checkFleet() of a certificate that is good for %i days', async (days, finding) => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'broker'))
  copyFileSync(selfSigned('hub1', days).certFile, join(folder, 'broker/broker.pem'))
  const found = await check(unit({ WantedBy: 'multi-user.target' }), hub.replace('/nowhere/fleet', folder))
  const remedy = 'hdsync fleet init && systemctl restart nats-server'
  const wanted =
    finding === undefined ? [] : [{ id: 'fleet.certificate', severity: 'warning', finding, remedy }]
  expect(found.filter(({ id }) => id === 'fleet.certificate')).toMatchObject(wanted)
})
