import { expect, test } from 'vitest'
import { checkFleet } from '../../../../../runtime/cli/checks/fleet.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { DEFAULT_CONFIG_FILE } from '../../../../../runtime/config/config-file.ts'
import { boxWith } from './lvm.ts'

const unit = (facts: Record<string, string> = {}) =>
  Object.entries({ LoadState: 'loaded', UnitFileState: 'static', ActiveState: 'active', ...facts })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

function check(systemctl: string, fleet: string, file = DEFAULT_CONFIG_FILE) {
  const config = parseConfig(
    `sources: { var: { path: /nowhere/var, target: disk } }
targets: { disk: { path: /nowhere/disk } }
${fleet}`,
    file,
  )
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
