import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { overviewOf } from '../../../../../runtime/backup/vault/overview.ts'
import { notePull } from '../../../../../runtime/backup/vault/pull-state.ts'
import { HostFolder } from '../../../../../runtime/host/vault/host-folder.ts'
import { vaultSamples } from '../../../../../runtime/http/metrics/vault.ts'
import { vaultHosts } from '../../../../../runtime/http/page/points/vault.ts'
import { dayMs, vaultInProcess } from './in-process.ts'

const pull = { ssh: 'root@web1.example.org', keyFile: '/etc/hdsync/pull.key' }

function pulling() {
  const vault = vaultInProcess({ web1: { pull } })
  return {
    ...vault,
    ends(error: string | null, passes = false) {
      using folder = HostFolder.open(vault.path, 'web1')
      notePull('web1', folder, { error, passes }, vault.tools)
    },
    told: () =>
      vault.events
        .splice(0)
        .flatMap(({ definition, data }) =>
          definition.type === 'vault.accepted' ? [] : [{ type: definition.type, ...data }],
        ),
    stands: () => overviewOf(vault.vault, ['web1'], vault.clock.now)[0]?.pull,
  }
}

test('hooks hear once a day that nothing can be fetched, and anew once it could in between', () => {
  const { ends, told, clock } = pulling()
  ends('it refuses')
  ends('it refuses')
  expect(told()).toMatchObject([{ type: 'vault.failed', host: 'web1', reason: 'it refuses' }])
  clock.now += dayMs
  ends('it refuses')
  expect(told()).toHaveLength(1)
  ends(null)
  ends('it refuses anew')
  expect(told()).toMatchObject([{ type: 'vault.failed', reason: 'it refuses anew' }])
})

test('a host that is away is told of once it is overdue, once, until something has come', async () => {
  const { ends, told, clock, send, stands } = pulling()
  ends('it cannot be reached', true)
  clock.now += 8 * dayMs
  ends('it cannot be reached', true)
  expect(told()).toEqual([])
  clock.now += 1
  for (let n = 0; n < 2; n += 1) ends('it cannot be reached', true)
  expect(told()).toMatchObject([
    { type: 'vault.overdue', lastAt: null, afterMs: 8 * dayMs, reason: 'it cannot be reached' },
  ])
  expect(stands()).toMatchObject({ goodAt: null, error: 'it cannot be reached', overdue: true })
  const lastAt = new Date(clock.now).toISOString()
  await send(randomBytes(1000))
  ends(null)
  expect(stands()).toMatchObject({ goodAt: lastAt, error: null, overdue: false })
  // It answers, and has nothing new.
  clock.now += 9 * dayMs
  ends(null)
  expect(told()).toMatchObject([{ type: 'vault.overdue', lastAt, reason: null }])
})

test('metrics and the page tell of a host that is fetched from', () => {
  const { ends, vault, clock } = pulling()
  ends('\u001b[31mit refuses')
  const samples = vaultSamples(vault).map(({ name, value }) => [name, value])
  expect(samples).toEqual(
    expect.arrayContaining([
      ['hdsync_vault_last_pulled_timestamp_seconds', 0],
      ['hdsync_vault_pull_failed', 1],
    ]),
  )
  const page = String(vaultHosts(vault, clock.now))
  expect(page).toContain('The vault fetches from root@web1.example.org')
  expect(page).toContain('hdsync vault pull web1')
  expect(page).not.toContain('\u001b')
  // A host that is away is told of, and alarms nobody.
  ends('it cannot be reached', true)
  expect(vaultSamples(vault)).toContainEqual(
    expect.objectContaining({ name: 'hdsync_vault_pull_failed', value: 0 }),
  )
  expect(String(vaultHosts(vault, clock.now))).toContain('it cannot be reached')
})
