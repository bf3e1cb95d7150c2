import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { noState } from '../../../../../runtime/backup/fleet/host-state.ts'
import { fleetEnrollCommand } from '../../../../../runtime/cli/commands/fleet.ts'
import { fleetInitCommand } from '../../../../../runtime/cli/commands/fleet-init.ts'
import { fleetStatusCommand } from '../../../../../runtime/cli/commands/fleet-status.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../../../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { printed } from '../night.ts'

function makeHub() {
  const folder = temporaryFolder()
  const config = join(folder, 'hub.yaml')
  writeFileSync(
    config,
    `fleet: { role: hub, servers: ['tls://127.0.0.1:4222'], folder: ${folder}/fleet }\nstate: ${folder}/state\nfunctions: ${folder}/functions\n`,
    { mode: 0o600 },
  )
  return { folder, config, state: join(folder, 'state') }
}

/** Has told the hub something once. */
function hear(state: string, host: string, about: { version?: string; labels?: string[] } = {}): void {
  const database = openDatabase(state)
  new Inbox(database).keep({
    ...{ host, epoch: 'e', seq: 1, id: 'a', missing: 0, heardAt: Date.now(), state: noState },
    about: { version: '1.0.0', labels: [], silentAfterMs: 86_400_000, ...about },
  })
  database.close()
}

describe('fleet status', () => {
  test('refuses a label that no host has, rather than say that all is well', async () => {
    const { config, state } = makeHub()
    const of = (label: string) => fleetStatusCommand(undefined, { config, label }, printed())
    await expect(of('web')).rejects.toMatchObject({ name: 'UsageError' })
    hear(state, 'web1', { labels: ['web'] })
    await expect(of('weeb')).rejects.toMatchObject({
      message: 'no host has the label weeb',
      hint: 'did you mean `web`?',
    })
    await expect(of('database')).rejects.toMatchObject({ hint: 'hosts have: web' })
    await expect(of('web')).resolves.toBeTypeOf('number')
  })

  test('prints no text of a host as it came', async () => {
    const { config, state } = makeHub()
    const clearing = '\u001b[2J'
    hear(state, 'web1', { version: clearing, labels: [clearing] })
    const io = printed()
    await fleetStatusCommand(undefined, { config }, io)
    expect(io.out).toContain('web1')
    expect(io.out).not.toContain('\u001b')
  })
})

describe('fleet init', () => {
  test('once more leaves the data of the server where they are', async () => {
    const { folder, config } = makeHub()
    const store = join(folder, 'broker')
    const conf = () => readFileSync(join(folder, 'fleet/broker/nats.conf'), 'utf8')
    expect(await fleetInitCommand({ config, store }, printed())).toBe(0)
    expect(conf()).toContain(store)
    expect(await fleetInitCommand({ config }, printed())).toBe(0)
    expect(conf()).toContain(store)
    const other = join(folder, 'other')
    expect(await fleetInitCommand({ config, store: other }, printed())).toBe(0)
    expect(conf()).not.toContain(store)
  })
})

test('fleet enroll has nobody put the code into a command', async () => {
  const { folder, config } = makeHub()
  await fleetInitCommand({ config, store: join(folder, 'broker') }, printed())
  const io = printed()
  expect(await fleetEnrollCommand('web1', { config }, io)).toBe(0)
  expect(io.err).toContain('hdsync fleet join -\n')
})
