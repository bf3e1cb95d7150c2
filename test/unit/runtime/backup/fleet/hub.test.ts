import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { catalogue } from '../../../../../events/index.ts'
import { certificateText } from '../../../../../runtime/backup/fleet/certificate.ts'
import { noState } from '../../../../../runtime/backup/fleet/host-state.ts'
import { Hub } from '../../../../../runtime/backup/fleet/hub.ts'
import { SqliteBus } from '../../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../../../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { createRegistry } from '../../../../../runtime/core/registry/registry.ts'
import { createRunner, unobserved } from '../../../../../runtime/host/command/command.ts'
import { makeCertificates } from '../../../../../runtime/host/fleet/certificates.ts'
import { HubFolder } from '../../../../../runtime/host/fleet/hub-folder.ts'
import { newNkey } from '../../../../../runtime/host/fleet/nkey.ts'
import { isoOf } from '../../../../../runtime/instant.ts'
import { ManualClock } from '../../../manual-clock.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const about = { version: '1.0.0', labels: [], silentAfterMs: 3_600_000 }

test('a hub without a connection looks for silent hosts after a while only, and for none whose rights were taken', async () => {
  const path = temporaryFolder()
  const folder = new HubFolder(path)
  folder.make()
  const clock = new ManualClock()
  const at = isoOf(clock.now())
  const database = openDatabase(join(path, 'state'))
  const bus = new SqliteBus(database, join(path, 'state'))
  const inbox = new Inbox(database)
  for (const host of ['gone', 'silent']) {
    const revokedAt = host === 'gone' ? at : null
    folder.keep({ host, key: null, code: null, enrolledAt: at, revokedAt })
    inbox.keep({ ...{ host, epoch: 'e', seq: 1, id: 'i', missing: 0, about }, heardAt: 0, state: noState })
  }
  const told = () => bus.events({ types: ['fleet.silent'] }).map(({ subject }) => subject)
  const hub = new Hub({
    ...{ inbox, bus, clock, folder, registry: createRegistry([], catalogue), keepMs: 90 * 86_400_000 },
    ...{ id: 'hub', name: 'hub1' },
    door: { servers: ['tls://127.0.0.1:1'], seed: newNkey().seed, ca: '', name: 'hub' },
    publishWith: (decide) => void bus.publishWith(decide),
    note: () => {},
  })
  hub.start()
  onTestFinished(async () => {
    await hub.stop()
    bus.close()
  })
  await clock.advance(5 * 60_000)
  expect(told()).toEqual([])
  await clock.advance(6 * 60_000)
  expect(told()).toEqual(['silent'])
})

test('a hub tells of the certificate of its server from 30 days before its end, once a week', async () => {
  const path = temporaryFolder()
  const folder = new HubFolder(path)
  folder.make()
  const runner = createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'test' })
  await makeCertificates(folder, ['hub1'], runner)
  const endsAt = folder.certificateEndsAt ?? 0
  const database = openDatabase(join(path, 'state'))
  const bus = new SqliteBus(database, join(path, 'state'))
  onTestFinished(() => bus.close())
  const toldAfterALookAt = async (now: number) => {
    const clock = new ManualClock(now)
    const hub = new Hub({
      ...{ bus, clock, folder, registry: createRegistry([], catalogue), keepMs: 90 * dayMs },
      ...{ inbox: new Inbox(database), id: 'hub', name: 'hub1' },
      door: { servers: ['tls://127.0.0.1:1'], seed: newNkey().seed, ca: '', name: 'hub' },
      publishWith: (decide) => void bus.publishWith(decide),
      note: () => {},
    })
    hub.start()
    await clock.advance(hourMs)
    await hub.stop()
    return bus.events({ types: ['fleet.certificate.ending'] }).map(({ data }) => data)
  }
  const one = { endsAt: isoOf(endsAt) }
  expect(await toldAfterALookAt(endsAt - 31 * dayMs)).toEqual([])
  expect(await toldAfterALookAt(endsAt - 30 * dayMs)).toEqual([one])
  expect(await toldAfterALookAt(endsAt - 24 * dayMs)).toEqual([one])
  expect(await toldAfterALookAt(endsAt - 22 * dayMs)).toEqual([one, one])
  expect(certificateText(endsAt, endsAt - 22 * dayMs)).toBe(
    'the certificate of the NATS server expires in 22 days',
  )
  expect(certificateText(endsAt, endsAt + 1)).toBe('the certificate of the NATS server has expired')
})
