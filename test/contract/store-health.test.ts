import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { backupStart } from '../../events/index.ts'
import { openEngine } from '../../runtime/backup/open-engine.ts'
import { follow } from '../../runtime/cli/commands/run.ts'
import { connectDaemon, submitTo } from '../../runtime/cli/daemon/client.ts'
import { loadConfig } from '../../runtime/config/load.ts'
import { openDatabase, openDatabaseForReading, storeFile } from '../../runtime/core/bus/sqlite/database.ts'
import { StoreError } from '../../runtime/errors.ts'
import { createApp } from '../../runtime/http/app.ts'
import { backUp, makeServer, printed } from '../unit/runtime/cli/night.ts'
import { hdsync, serve } from '../unit/runtime/cli/processes.ts'
import { structured } from '../unit/runtime/http/service.ts'
import { temporaryFolder } from '../unit/temporary-folder.ts'
import { smallDisk, takeRoom } from './small-disk.ts'

async function engineOn(path: string, state?: string) {
  if (state) writeFileSync(path, readFileSync(path, 'utf8').replace(/^state: .*$/m, `state: ${state}`))
  const config = await loadConfig({ path, env: {} })
  const failures: Error[] = []
  const engine = await openEngine({ config, onFailure: (error) => failures.push(error) })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop().catch(() => {}))
  const app = createApp({ engine, config, version: '0', trusted: true })
  return { engine, config, app, failures }
}

describe('a store that is taken away from a daemon', () => {
  test.each([
    ['deleted', (state: string) => rmSync(join(state, storeFile))],
    [
      'deleted, all but its log',
      (state: string) => rmSync(join(state, `${storeFile}-shm`)) ?? rmSync(join(state, storeFile)),
    ],
    ['whose log is deleted', (state: string) => rmSync(join(state, `${storeFile}-wal`))],
    ['moved away with its folder', (state: string) => renameSync(state, `${state}.old`)],
    [
      'replaced by a copy',
      (state: string) => {
        const file = join(state, storeFile)
        const bytes = readFileSync(file)
        rmSync(file)
        writeFileSync(file, bytes)
      },
    ],
  ])('%s: is noticed before an event is acknowledged, and nothing goes on', async (_, take) => {
    const { engine, config, app, failures } = await engineOn((await makeServer()).config)
    await engine.start()
    take(config.state)
    expect((await app.request('/readyz')).status).toBe(503)
    const refused = await app.request('/events', structured({ id: 'a1' }))
    expect(await refused.json()).toMatchObject({
      status: 503,
      type: 'urn:hdsync:problem:unavailable',
      detail: expect.stringContaining('was deleted or replaced while hdsync was at work'),
      hint: expect.stringContaining('systemctl restart hdsync'),
    })
    await expect.poll(() => failures).toHaveLength(1)
    expect(failures[0]).toBeInstanceOf(StoreError)
  })

  test('ends it with an error, and hooks are told; the next start begins with a new one', async () => {
    const notes = join(temporaryFolder(), 'notes')
    const server = await makeServer(
      `notify:\n  - { exec: [/bin/sh, -c, 'echo $HDSYNC_EVENT >> ${notes}'] }\n`,
    )
    const daemon = await serve(server)
    const config = await loadConfig({ path: server.config, env: {} })
    const client = await connectDaemon(config)
    if (!client) throw new Error('there is no daemon')
    rmSync(join(config.state, storeFile))
    const event = { type: backupStart.type, id: 'a1', source: '/test' }
    await expect(submitTo(client, event)).rejects.toMatchObject({ status: 503 })
    expect((await daemon.ended).code).toBe(1)
    expect(daemon.said()).toContain('was deleted or replaced while hdsync was at work')
    expect(readFileSync(notes, 'utf8')).toContain('run.failed')
    const run = hdsync(server, 'run', '--quiet')
    expect((await run.ended).code, run.said()).toBe(0)
    expect(existsSync(join(config.state, storeFile))).toBe(true)
  })
})

test('while the disk of the state is full no event is taken, and it says so; once there is room it goes on by itself', async (context) => {
  const disk = smallDisk(context, 16 * 1024)
  const { engine, app } = await engineOn((await makeServer()).config, `${disk}/state`)
  await engine.start()
  const post = (id: string) => app.request('/events', structured({ id, data: { sources: ['home'] } }))
  expect((await app.request('/readyz')).status).toBe(200)
  const first = (await (await post('a1')).json()) as { run: string }
  await engine.ended(first.run)
  const giveBack = takeRoom(disk)
  for (const path of ['/readyz', '/readyz']) {
    expect(await (await app.request(path)).json()).toMatchObject({
      status: 503,
      detail: expect.stringContaining(`the disk of the state directory ${disk}/state is full`),
    })
  }
  let refused: unknown
  for (let n = 0; n < 5000 && !refused; n++) {
    const answer = await post(`full ${n}`)
    if (answer.status !== 202 && answer.status !== 200) refused = await answer.json()
  }
  expect(refused).toMatchObject({ status: 503, hint: expect.stringContaining(`df -h ${disk}/state`) })
  giveBack()
  expect((await app.request('/readyz')).status).toBe(200)
  const again = await post('a2')
  expect(again.status).toBe(202)
  const { run } = (await again.json()) as { run: string }
  await engine.ended(run)
  expect(engine.journal.run(run)?.end?.type).toBe('run.succeeded')
})

describe('a damaged store', () => {
  test.each([
    ['of text', (file: string) => writeFileSync(file, 'This is no store. '.repeat(1000))],
    [
      'of which a part was overwritten',
      (file: string) => {
        const bytes = readFileSync(file)
        for (let page = 1; page * 4096 < bytes.length; page++)
          bytes.fill(0xee, page * 4096, page * 4096 + 200)
        writeFileSync(file, bytes)
      },
    ],
  ])('%s is told as that, with what is lost without it, and how to go on', async (_, damage) => {
    const server = await makeServer()
    await backUp(server)
    const state = join(server.folder, 'state')
    const file = join(state, storeFile)
    damage(file)
    const told = {
      message: expect.stringContaining(`the event store ${file} is damaged`),
      hint: expect.stringMatching(
        /mv \S+ \S+\/damaged\/;.* loses the history of runs, what is held, dead letters.*no backup is touched/,
      ),
    }
    const config = await loadConfig({ path: server.config, env: {} })
    await expect(follow(config, { quiet: true }, printed(), { data: {} })).rejects.toMatchObject(told)
    // As the hint says.
    mkdirSync(join(state, 'damaged'))
    for (const name of [storeFile, `${storeFile}-wal`, `${storeFile}-shm`])
      if (existsSync(join(state, name))) renameSync(join(state, name), join(state, 'damaged', name))
    expect(await follow(config, { quiet: true }, printed(), { data: {} })).toBe(0)
  })

  test('is told by whoever only reads it, too', async () => {
    const state = temporaryFolder()
    openDatabase(state).close()
    writeFileSync(join(state, storeFile), 'This is no store. '.repeat(1000))
    expect(() => openDatabaseForReading(state)).toThrow('is damaged')
  })
})
