import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { backupStart } from '../../../../../events/index.ts'
import type { Engine } from '../../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../../runtime/backup/open-engine.ts'
import { lend } from '../../../../../runtime/cli/daemon/lend.ts'
import { main } from '../../../../../runtime/cli/program.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { holdLock } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { ManualClock } from '../../../manual-clock.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'
import { hdsync, serve } from '../processes.ts'

async function opened(): Promise<Engine> {
  const { config } = await makeServer()
  const engine = await openEngine({ config: await loadConfig({ path: config, env: {} }) })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop())
  await engine.start()
  return engine
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string | undefined> {
  const { value } = await reader.read()
  return value && new TextDecoder().decode(value).split('\n')[0]
}

const readerOf = ({ body }: Response) => (body as ReadableStream<Uint8Array>).getReader()

test('no run begins while the turn is lent, and the one that waits begins once it is back', async () => {
  const engine = await opened()
  const left = new AbortController()
  const reader = readerOf(lend(engine, 'change', left.signal))
  expect(await read(reader)).toBe('event: go')
  const run = await engine.trigger(backupStart, {})
  const next = readerOf(lend(engine, 'change', new AbortController().signal))
  expect(await read(next)).toBe('event: wait')
  expect([engine.current(), engine.isLent(), engine.busy()]).toEqual([undefined, true, true])
  left.abort()
  await engine.ended(run)
  // Whoever asked after the run has the turn after it.
  expect(await read(next)).toBe('event: go')
  await next.cancel()
  expect(engine.isLent()).toBe(false)
})

test('who reads is ended once a run has waited for a minute, who changes is not', async () => {
  for (const kind of ['read', 'change'] as const) {
    const engine = await opened()
    const clock = new ManualClock()
    const left = new AbortController()
    const reader = readerOf(lend(engine, kind, left.signal, clock))
    expect(await read(reader)).toBe('event: go')
    await clock.advance(3_600_000)
    const run = await engine.trigger(backupStart, {})
    await clock.advance(59_000)
    expect(engine.isLent()).toBe(true)
    await clock.advance(3000)
    expect(engine.isLent()).toBe(kind === 'change')
    left.abort()
    await engine.ended(run)
  }
})

async function archived(): Promise<Server> {
  const server = await makeServer('archive: { target: disk, keep: { weekly: 1, atLeast: 1 } }\n')
  await backUp(server)
  return server
}

test('beside a daemon with nothing to do, prune, forget and restore do their work', async () => {
  const server = await archived()
  await serve(server)
  expect((await hdsync(server, 'prune').ended).code).toBe(0)
  expect((await hdsync(server, 'restore', 'home', '--to', join(server.folder, 'new'), '-q').ended).code).toBe(
    0,
  )
  expect((await hdsync(server, 'run', '-q').ended).code).toBe(0)
})

test('without a daemon the command holds the lock: a backup waits for it', async () => {
  const server = await archived()
  const unlock = holdLock(join(server.folder, 'state'))
  writeFileSync(
    join(server.folder, 'state/borrowed-by'),
    JSON.stringify({ pid: process.pid, kind: 'change' }),
  )
  const io = printed()
  const waiting = main(['node', 'hdsync', 'run', '-q', '--config', server.config], '0.0.0', io)
  await expect.poll(() => io.err).toContain('waits for')
  unlock?.()
  expect(await waiting).toBe(0)
})

test('forget shows what there is, and with leave removes it with its catalogue; catalogue rebuild works beside a daemon', async () => {
  const server = await archived()
  await serve(server)
  expect((await hdsync(server, 'catalogue', 'rebuild', 'home').ended).code).toBe(0)
  const text = readFileSync(server.config, 'utf8')
  writeFileSync(server.config, text.replace(/^ {2}home:.*\n/m, ''))
  const shown = hdsync(server, 'forget', 'home')
  expect((await shown.ended).code).toBe(2)
  expect(shown.said()).toContain('forget home --yes')
  const catalogues = ['disk/.hdsync-catalogue', 'state/catalogues/disk'].map((one) =>
    join(server.folder, one),
  )
  for (const folder of catalogues) expect(readdirSync(folder)).toContain('home.sqlite')
  expect((await hdsync(server, 'forget', 'home', '--yes').ended).code).toBe(0)
  for (const folder of catalogues) expect(readdirSync(folder)).toEqual(['www.sqlite'])
  expect(existsSync(join(server.folder, 'disk/home'))).toBe(false)
  expect(existsSync(join(server.folder, 'disk/www/file'))).toBe(true)
})
