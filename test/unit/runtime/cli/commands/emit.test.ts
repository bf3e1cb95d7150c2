import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openEngine } from '../../../../../runtime/backup/open-engine.ts'
import { type EmitOptions, emitCommand } from '../../../../../runtime/cli/commands/emit.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { SqliteBus } from '../../../../../runtime/core/bus/sqlite/bus.ts'
import { holdLock, openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { makeServer, printed, type Server } from '../night.ts'

async function emitted({ config }: Server, options: EmitOptions = {}, type = 'backup.start') {
  const io = printed()
  expect(await emitCommand(type, { config, ...options }, io)).toBe(0)
  return io
}

async function engineOf({ config }: Server) {
  const engine = await openEngine({ config: await loadConfig({ path: config, env: {} }) })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop())
  return engine
}

describe('emit', () => {
  test('without a daemon leaves the event in the store, and the next start does what it asks for', async () => {
    const server = await makeServer()
    const { out, err } = await emitted(server, { data: '{"sources":["www"]}' })
    const run = out.trim()
    expect(err).toBe(
      `hdsync: run ${run} waits in the store: the next \`hdsync run\` or \`hdsync serve\` handles it\n`,
    )
    const engine = await engineOf(server)
    expect(engine.bus.open()).toMatchObject([{ function: 'backup.start', state: 'ready' }])
    await engine.start()
    await engine.ended(run)
    expect(engine.journal.run(run)?.end).toMatchObject({
      type: 'run.succeeded',
      data: { sources: [{ source: 'www' }] },
    })
  })

  test('without a daemon has hooks hear of the event at once where that is asked for, and begins no run', async () => {
    const told = join(temporaryFolder(), 'told')
    const server = await makeServer(`notify: [{ exec: [/bin/sh, -c, 'cat > ${told}'], on: [unit.failed] }]\n`)
    await emitted(server)
    const data = '{"unit":"hdsync.service","result":"start-limit-hit","exitStatus":"1"}'
    const { out, err } = await emitted(server, { data, deliver: true }, 'unit.failed')
    expect(err).toContain(`run ${out.trim()} was handled as far as it goes without a backup`)
    expect(JSON.parse(readFileSync(told, 'utf8'))).toMatchObject({
      type: 'unit.failed',
      data: { unit: 'hdsync.service' },
    })
    const engine = await engineOf(server)
    expect(engine.bus.open()).toMatchObject([{ function: 'backup.start', state: 'ready' }])
  })

  test('beside another process leaves the event in the outbox of a host in a fleet', async () => {
    const server = await makeServer("fleet: { role: host, servers: ['tls://hub:4222'] }\n")
    const engine = await engineOf(server)
    await engine.start()
    const data = '{"unit":"hdsync.service","result":"start-limit-hit","exitStatus":"1"}'
    await emitted(server, { data }, 'unit.failed')
    const { outbox } = engine.fleet
    expect(outbox?.after(0, 10).map(({ event }) => event.type)).toEqual(['unit.failed'])
  })

  test('takes an event of the same id once', async () => {
    const server = await makeServer()
    const first = (await emitted(server, { id: 'a' })).out.trim()
    const { out } = await emitted(server, { id: 'a', json: true })
    expect(JSON.parse(out)).toEqual({ run: first, id: 'a', duplicate: true, handledBy: 'next start' })
  })

  test('hands the event to the process that is at work there', async () => {
    const server = await makeServer()
    const engine = await engineOf(server)
    await engine.start()
    const { out, err } = await emitted(server, { data: '{"sources":["home"]}' })
    expect(err).toContain(`was handed to process ${process.pid}, which is at work`)
    while (!engine.journal.run(out.trim())) await engine.dispatcher.idle()
    await engine.ended(out.trim())
    expect(engine.journal.run(out.trim())?.end?.type).toBe('run.succeeded')
  })

  test.each([
    ['backup.strat', '{}', 'there is no event "backup.strat"', 'did you mean `backup.start`?'],
    [
      'run.failed',
      '{}',
      'run.failed may not be triggered from outside',
      expect.stringContaining('backup.start'),
    ],
    [
      'backup.start',
      '{"sources":["hom"]}',
      expect.stringMatching(/^there is no source "hom" in /),
      'did you mean `home`?',
    ],
    [
      'backup.start',
      '{"sources":"home"}',
      expect.stringMatching(/^the data of backup\.start does not fit its schema: sources: /),
      undefined,
    ],
    ['backup.start', '{', expect.stringMatching(/^--data is not JSON: /), expect.any(String)],
  ])('refuses %s with %s, and puts nothing on the bus', async (type, data, message, hint) => {
    const server = await makeServer()
    const refusal = emitCommand(type, { config: server.config, data }, printed())
    await expect(refusal).rejects.toMatchObject({ name: 'UsageError', message, hint })
    const state = join(server.folder, 'state')
    const bus = new SqliteBus(openDatabase(state), state)
    expect(bus.events({})).toEqual([])
    bus.close()
  })

  test('gives the lock back', async () => {
    const server = await makeServer()
    await emitted(server)
    const unlock = holdLock(join(server.folder, 'state'))
    expect(unlock).toBeDefined()
    unlock?.()
  })
})
