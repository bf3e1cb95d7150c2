import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { catalogue, fleetCommandGiven, fleetPaused, fleetSilent } from '../../../../../events/index.ts'
import { SharedList, sharedText } from '../../../../../runtime/backup/fleet/hubs/shared-list.ts'
import { SqliteBus } from '../../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { factPublication } from '../../../../../runtime/core/publication.ts'
import { createRegistry } from '../../../../../runtime/core/registry/registry.ts'
import { newCommandKey } from '../../../../../runtime/host/fleet/command-key.ts'
import { HubFolder } from '../../../../../runtime/host/fleet/hub-folder.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const registry = createRegistry([], catalogue)
const now = Date.parse('2026-11-30T08:00:00Z')
const monthAgo = now - 30 * 86_400_000

function makeHub() {
  const path = temporaryFolder()
  const folder = new HubFolder(path)
  folder.make()
  const state = join(path, 'state')
  const bus = new SqliteBus(openDatabase(state), state)
  onTestFinished(() => bus.close())
  const list = new SharedList({ folder, bus, publishWith: (decide) => void bus.publishWith(decide) })
  const given = (command: string, type: string, at: number) => {
    const data = { host: 'web1', command, type, expiresAt: '2026-12-01T00:00:00Z', text: '{}', signature: '' }
    bus.publishWith(() => [factPublication(registry, fleetCommandGiven, data, at)])
  }
  return { folder, bus, list, given }
}

/** Has another hub take all that one has to tell. @returns What that is. */
function tell(from: ReturnType<typeof makeHub>, to: ReturnType<typeof makeHub>, key: string): number {
  const missing = from.list.missing(now)
  for (const { subject, value, done } of missing) {
    to.list.take({ subject, data: Buffer.from(sharedText(subject, value, key)) }, key)
    done()
  }
  to.list.apply()
  return missing.length
}

const recordsOf = ({ bus }: ReturnType<typeof makeHub>) =>
  bus
    .events({})
    .map(({ id }) => id)
    .sort()

test('hubs tell each other what still holds, however old, each once, and nothing of what is over', () => {
  const [one, two] = [makeHub(), makeHub()]
  const key = newCommandKey()
  one.given('old', 'backup.start', monthAgo)
  one.given('replaced', 'config.set', monthAgo - 1000)
  const over = recordsOf(one)
  one.given('set', 'config.set', monthAgo)
  one.bus.publishWith(() => [
    factPublication(registry, fleetPaused, { pauses: [] }, monthAgo),
    factPublication(
      registry,
      fleetSilent,
      { host: 'web2', heardAt: '2026-11-29T00:00:00Z', silentAfterMs: 1 },
      now - 1000,
    ),
  ])
  one.given('new', 'backup.start', now - 1000)
  const host = { host: 'web1', key: null, code: null, enrolledAt: '2026-11-29T00:00:00Z', revokedAt: null }
  one.folder.keep(host)
  expect(tell(one, two, key)).toBe(5)
  expect(recordsOf(two)).toEqual(recordsOf(one).filter((id) => !over.includes(id)))
  expect(two.folder.host('web1')).toEqual(one.folder.host('web1'))
  expect([tell(one, two, key), tell(two, one, key)]).toEqual([0, 0])
  two.folder.keep({ ...host, revokedAt: '2026-11-30T00:00:00Z' })
  expect(tell(two, one, key)).toBe(1)
  expect(one.folder.host('web1')?.revokedAt).toBe('2026-11-30T00:00:00Z')
})

test('a hub takes nothing that no hub of its fleet has signed, or under another subject', () => {
  const [one, two] = [makeHub(), makeHub()]
  const key = newCommandKey()
  one.given('new', 'backup.start', now - 1000)
  one.folder.keep({
    host: 'web1',
    key: null,
    code: null,
    enrolledAt: '2026-11-29T00:00:00Z',
    revokedAt: null,
  })
  for (const { subject, value } of one.list.missing(now)) {
    const messages = [
      { subject, data: Buffer.from(sharedText(subject, value, newCommandKey())) },
      { subject: `${subject}x`, data: Buffer.from(sharedText(subject, value, key)) },
      { subject, data: Buffer.from(JSON.stringify(value)) },
      { subject, data: Buffer.from('no JSON') },
    ]
    for (const message of messages) expect(two.list.take(message, key)).toBe(false)
  }
  two.list.apply()
  expect([two.bus.events({}), two.folder.hosts()]).toEqual([[], []])
})
