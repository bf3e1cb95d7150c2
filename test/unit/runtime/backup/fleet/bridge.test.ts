import { expect, onTestFinished, test } from 'vitest'
import { Bridge } from '../../../../../runtime/backup/fleet/bridge.ts'
import { inMemory, openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { Outbox } from '../../../../../runtime/core/bus/sqlite/fleet/outbox.ts'
import { newNkey } from '../../../../../runtime/host/fleet/nkey.ts'

test('a bridge reads where its server is, and its key, before each attempt, and need not wait for the next one', async () => {
  const database = openDatabase(inMemory)
  const notes: string[] = []
  let read = 0
  const bridge = new Bridge({
    outbox: new Outbox(database, ['run.succeeded']),
    async door() {
      read += 1
      if (read === 1) throw new Error('no credentials')
      return { host: 'web1', servers: ['tls://127.0.0.1:1'], seed: newNkey().seed, ca: '', name: 'test' }
    },
    about: { version: '1.0.0', labels: [], silentAfterMs: 1 },
    note: (message) => notes.push(message),
    pauses: { firstPauseMs: 600_000, longestPauseMs: 600_000 },
  })
  bridge.start()
  onTestFinished(async () => {
    await bridge.stop()
    database.close()
  })
  await expect.poll(() => notes).toEqual(['fleet: no credentials'])
  await expect
    .poll(() => {
      bridge.hurry()
      return notes[1]
    })
    .toMatch(/^fleet: no connection to tls:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/)
})
