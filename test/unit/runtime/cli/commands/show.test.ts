import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { backupStart, catalogue, runResult } from '../../../../../events/index.ts'
import { showCommand } from '../../../../../runtime/cli/commands/show.ts'
import { SqliteBus } from '../../../../../runtime/core/bus/sqlite/bus.ts'
import { holdLock, openDatabase, storeFile } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { rootPublication } from '../../../../../runtime/core/publication.ts'
import { createRegistry } from '../../../../../runtime/core/registry/registry.ts'
import { UsageError } from '../../../../../runtime/errors.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

async function shown(server: Server, run?: string, options = {}): Promise<string> {
  const io = printed()
  expect(await showCommand(run, { config: server.config, ...options }, io)).toBe(0)
  expect(io.err).toBe('')
  return io.out
}

/** Puts events on the bus as a hdsync did that then stopped. */
async function leave(server: Server, run: string, begun: boolean): Promise<void> {
  const state = join(server.folder, 'state')
  const bus = new SqliteBus(openDatabase(state), state)
  const start = rootPublication(
    createRegistry([], catalogue),
    backupStart,
    {},
    { now: Date.now(), runId: run },
  )
  await bus.publish([{ ...start, deliveries: [{ function: 'backup.start', runAt: 0 }] }])
  if (begun) await bus.exchange({ now: Date.now(), renew: [], settle: [], claim: 1, leaseMs: 1000 })
  bus.close()
}

describe('show', () => {
  test('tells a run from its sources to its commands', async () => {
    const server = await makeServer()
    rmSync(join(server.folder, 'www'), { recursive: true })
    const run = await backUp(server)
    const text = await shown(server)
    expect(text).toMatch(
      new RegExp(`^run ${run} failed\\nstarted \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d, took `),
    )
    expect(text).toMatch(/^home +succeeded +1 +4 B +0$/m)
    expect(text).toContain(`\nwww: failed: sync.run: cannot read ${server.folder}/www: it does not exist\n`)
    expect(text).toMatch(/^\d\d:\d\d:\d\d +\S+ {2}✔ sync\.run home$/m)
    expect(text).toMatch(
      /^ +\S+ {4}\$ rsync --archive .*'--filter=P \/lost\+found' -- \S+[/-]home\/ \S+\/disk\/home\/$/m,
    )
    expect(text).toMatch(/· source\.synced {2}mirror done: 1 file,/)
    expect(text).toMatch(/✖ sync\.run www given up/)
    expect(text).toMatch(/· run\.failed$/m)
    const without = await shown(server, 'last', { commands: false })
    expect(without).not.toContain('$ ')
  })

  test('prints the public result with --json, on one line', async () => {
    const server = await makeServer()
    const run = await backUp(server)
    const line = await shown(server, run.slice(0, 6), { json: true })
    expect(line.split('\n')).toHaveLength(2)
    expect(runResult.parse(JSON.parse(line))).toMatchObject({ run, state: 'succeeded', sources: [{}, {}] })
  })

  test('shows what came of a hook below the event that it was told of', async () => {
    const server = await makeServer()
    const hook = join(server.folder, 'hook')
    writeFileSync(hook, '#!/bin/sh\nprintf "no \\033[31mmodem" >&2\nexit 3\n', { mode: 0o755 })
    writeFileSync(server.config, `notify: [{ exec: [${hook}], on: [run.succeeded] }]\n`, { flag: 'a' })
    await backUp(server)
    const text = await shown(server)
    expect(text).toMatch(
      /· run\.succeeded\n.* notify\.exec .*\n.*\$ \S+\/hook exit 3\n +no \\u\{1b\}\[31mmodem\n/,
    )
  })

  test('says that a run is going on while somebody is at it, and that it was interrupted otherwise', async () => {
    const server = await makeServer()
    await leave(server, 'abc', true)
    expect(await shown(server)).toMatch(/^run abc interrupted: the next `hdsync run` puts in order/)
    expect(await shown(server)).toContain('backup.start did not end')
    const unlock = holdLock(join(server.folder, 'state'))
    const text = await shown(server)
    unlock?.()
    expect(text).toMatch(/^run abc running\nstarted .*, for \S+ now\n/)
    expect(text).toContain('▸ backup.start running')
  })

  test('says that a run waits which was asked for and not begun', async () => {
    const server = await makeServer()
    await leave(server, 'abc', false)
    expect(await shown(server)).toMatch(/^run abc waiting\n/)
  })

  test('of an unknown run, or of several, says what to do', async () => {
    const server = await makeServer()
    await leave(server, 'abc', false)
    await leave(server, 'abd', false)
    const failure = (run: string) =>
      showCommand(run, { config: server.config }, printed()).catch((error) => error)
    expect(await failure('x')).toMatchObject({
      message: 'there is no run "x"',
      hint: '`hdsync runs --all` lists them',
    })
    expect(await failure('ab')).toMatchObject({
      message: '2 runs begin with "ab"',
      hint: 'write more of it: abd, abc',
    })
    expect(await failure('x')).toBeInstanceOf(UsageError)
  })

  test('before the first run says so, and makes no store', async () => {
    const server = await makeServer()
    const state = join(server.folder, 'state')
    await expect(showCommand(undefined, { config: server.config }, printed())).rejects.toThrow(
      'there is no run yet',
    )
    expect(existsSync(state)).toBe(false)
    mkdirSync(state)
    writeFileSync(join(state, storeFile), '')
    await expect(showCommand(undefined, { config: server.config }, printed())).rejects.toThrow(
      'there is no run yet',
    )
  })
})
