import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { VaultEvent } from '../../../../../../runtime/backup/vault/vault.ts'
import { tendVault } from '../../../../../../runtime/cli/daemon/vault/tending.ts'
import { daemonTools } from '../../../../../../runtime/cli/daemon/vault/tools.ts'
import { HostFolder } from '../../../../../../runtime/host/vault/host-folder.ts'
import { addToRecord, readRecord, recordName } from '../../../../../../runtime/host/vault/record.ts'
import { vaultSamples } from '../../../../../../runtime/http/metrics/vault.ts'
import { vaultHosts } from '../../../../../../runtime/http/page/points/vault.ts'
import { ManualClock } from '../../../../manual-clock.ts'
import { archiveOf, dayMs, vaultInProcess } from '../../../backup/vault/in-process.ts'

/** A vault with copies of 5 days, of which `keep` keeps 2 once nothing is odd; a daemon looks after it. */
async function tended() {
  const there = vaultInProcess({ web1: { keep: { daily: 2, weekly: 0, monthly: 0, yearly: 0, atLeast: 2 } } })
  for (let n = 0; n < 5; n += 1) {
    await there.send(randomBytes(1000 + n), {}, 100)
    if (n === 0) odd(there.path)
    there.clock.now += dayMs
  }
  const clock = new ManualClock(there.clock.now + 30 * dayMs)
  const stop = new AbortController()
  const told: VaultEvent[] = []
  const warnings: string[] = []
  const tools = daemonTools(there.vault, {
    ...{ clock, signal: stop.signal },
    tell: (event) => void told.push(event),
    onWarning: (message) => void warnings.push(message),
  })
  tendVault(tools, clock)
  const files = () => readdirSync(join(there.path, 'web1/accepted/home'))
  return { ...there, clock, stop, told, warnings, files, tools }
}

/** Has the copy that is there be odd. */
function odd(path: string): void {
  const record = join(path, 'web1', recordName)
  const line = JSON.parse(readFileSync(record, 'utf8'))
  writeFileSync(record, `${JSON.stringify({ ...line, reasons: ['of this test'] })}\n`)
}

function released(path: string): void {
  using folder = HostFolder.open(path, 'web1')
  addToRecord(folder.root, { did: 'release', source: 'home', at: '2026-11-07T03:00:00.000Z' })
}

function lastRead(path: string): string[] {
  using folder = HostFolder.open(path, 'web1')
  return readRecord(folder.root).copies.map(({ readAt }) => readAt.slice(0, 10))
}

test('the daemon reads copies again daily, removes what nothing keeps any more, and tells of damage', async () => {
  const there = await tended()
  expect(there.files()).toHaveLength(5)
  await there.clock.advance(10 * 60_000)
  await expect
    .poll(() => lastRead(there.path))
    .toEqual(Array(5).fill(new Date(there.clock.now()).toISOString().slice(0, 10)))
  expect(there.files()).toHaveLength(5)
  released(there.path)
  await there.clock.advance(dayMs)
  await expect.poll(there.files).toHaveLength(2)
  rmSync(join(there.path, 'web1/accepted/home', there.files()[0] ?? ''))
  const types = async () => {
    await there.clock.advance(dayMs)
    return there.told.map(({ definition }) => definition.type)
  }
  await expect.poll(types, { interval: 200, timeout: 20_000 }).toContain('vault.damaged')
  expect(there.told[0]?.data).toMatchObject({ host: 'web1', damaged: [{ reason: 'it is not there' }] })
  expect(there.warnings).toEqual([])
  there.stop.abort()
})

test('hooks hear twice a day at most that a host finds no room', async () => {
  const there = await tended()
  Object.assign(there.vault.hosts.web1 ?? {}, { quota: 1000 })
  const { offer } = await import('../../../../../../runtime/backup/vault/offer.ts')
  const refused = () =>
    offer('web1', archiveOf(randomBytes(2000)), there.tools).catch((error) => error.message)
  for (let n = 0; n < 3; n += 1) expect(await refused()).toContain('does not fit')
  expect(there.told).toMatchObject([{ data: { host: 'web1', source: 'home' } }])
  there.clock.set(dayMs)
  await refused()
  expect(there.told).toHaveLength(2)
  there.stop.abort()
})

test('metrics and the page tell how hosts stand', async () => {
  const there = await tended()
  there.stop.abort()
  const samples = vaultSamples(there.vault).map(({ name, value }) => [name, value])
  expect(samples).toEqual([
    ['hdsync_vault_host_used_bytes', 5010],
    ['hdsync_vault_copies', 5],
    ['hdsync_vault_damaged_copies', 0],
    ['hdsync_vault_last_proved_timestamp_seconds', Date.parse('2026-11-05T03:00:00Z') / 1000],
    ['hdsync_vault_odd', 1],
  ])
  const page = String(vaultHosts(there.vault, there.clock.now()))
  expect(page).toContain('home is odd: of this test')
  expect(page).toContain('hdsync vault release web1 home')
  released(there.path)
  expect(vaultSamples(there.vault).at(-1)?.value).toBe(0)
  expect(String(vaultHosts(undefined, 0))).toBe('')
})
