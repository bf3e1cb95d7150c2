import { join } from 'node:path'
import {
  backupStart,
  catalogue,
  type EventDefinition,
  snapshotMount,
  snapshotRefused,
  sourceArchived,
  sourceFailed,
} from '../../../../events/index.ts'
import { SqliteBus } from '../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../runtime/core/bus/sqlite/database.ts'
import { SqliteJournal } from '../../../../runtime/core/bus/sqlite/journal.ts'
import { event } from '../../../contract/publication.ts'
import type { Server } from './night.ts'

const attempts = 10

/** What is in the store after a night in which no snapshot of source var could be mounted. */
export async function leaveRefusedNight({ folder }: Server): Promise<void> {
  const state = join(folder, 'state')
  const database = openDatabase(state)
  const bus = new SqliteBus(database, state)
  const journal = new SqliteJournal(database, catalogue)
  const put = (id: string, { type }: EventDefinition, data: object, fields = {}, deliveries: string[] = []) =>
    bus.publish([
      {
        event: event(id, { type, data, runid: 'run2', subject: 'var', ...fields }),
        deliveries: deliveries.map((name) => ({ function: name, runAt: 0 })),
      },
    ])

  const path = '/mnt/hdd9/Saturday/var.tar.zst'
  await put('archive', sourceArchived, { source: 'var', path, sizeBytes: 1 }, { runid: 'run1' })
  await put('start', backupStart, {}, { subject: undefined })
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const mount = `mount ${attempt}`
    await put(mount, snapshotMount, { source: 'var', rest: [] }, { attempt }, [snapshotMount.type])
    const turn = { now: 0, renew: [], leaseMs: 1000 }
    const { claimed } = await bus.exchange({ ...turn, settle: [], claim: 1 })
    const [delivery] = claimed
    if (!delivery) throw new Error('nothing is ready')
    const argv = ['mount', '--types', 'reiserfs', '/dev/vg01/snap_var', '/run/hdsync/var']
    const command = journal.commandStarted({ deliveryId: delivery.id, try: 1, argv, startedAt: 0 })
    journal.commandEnded(command, { durationMs: 1, exitCode: 32, stderr: 'mount: wrong fs type\n' })
    const settled = { delivery, attempt: { startedAt: 0, endedAt: 1 }, publications: [] }
    await bus.exchange({ ...turn, settle: [{ ...settled, outcome: 'done' }], claim: 0 })
    const kernel = ['REISERFS warning (device dm-4): journal_read_transaction: device is readonly']
    const refusal = {
      source: 'var',
      reason: 'mount: wrong fs type',
      kernel,
      attemptsLeft: attempts - attempt,
    }
    await put(`refused ${attempt}`, snapshotRefused, refusal, { attempt, parentid: mount })
  }
  const reason = `no snapshot could be mounted in ${attempts} attempts: mount: wrong fs type`
  const failure = { source: 'var', step: snapshotMount.type, reason, cancelled: false }
  await put('failed', sourceFailed, failure, { parentid: `mount ${attempts}` })
  bus.close()
}
