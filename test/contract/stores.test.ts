import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  backupStart,
  catalogue,
  readStored,
  runResult,
  runStarted,
  snapshotCleanup,
  sourceSynced,
  syncRun,
} from '../../events/index.ts'
import { openEngine } from '../../runtime/backup/open-engine.ts'
import { checkCommand } from '../../runtime/cli/commands/check.ts'
import { eventsCommand } from '../../runtime/cli/commands/events.ts'
import { runsCommand } from '../../runtime/cli/commands/runs.ts'
import { showCommand } from '../../runtime/cli/commands/show.ts'
import { whyCommand } from '../../runtime/cli/commands/why.ts'
import { loadConfig } from '../../runtime/config/load.ts'
import { SqliteBus } from '../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase, storeFile } from '../../runtime/core/bus/sqlite/database.ts'
import { SqliteJournal } from '../../runtime/core/bus/sqlite/journal.ts'
import { createApp } from '../../runtime/http/app.ts'
import { weekdayOf, weekdays } from '../../runtime/weekday.ts'
import { makeServer, printed } from '../unit/runtime/cli/night.ts'
import { event } from './publication.ts'

const released = ['released-0.1.0', 'impossible-times-0.1.0']

/** A server with the store that a released version has left. */
async function serverWith(name: string, change?: (database: DatabaseSync) => void) {
  const server = await makeServer('archive: { target: disk }\n')
  const state = join(server.folder, 'state')
  mkdirSync(state, { mode: 0o700 })
  const file = join(state, storeFile)
  writeFileSync(file, gunzipSync(readFileSync(join(import.meta.dirname, 'stores', `${name}.db.gz`))))
  const database = new DatabaseSync(file)
  change?.(database)
  database.close()
  return { ...server, state }
}

async function engineOf({ config: path }: { config: string }) {
  const config = await loadConfig({ path, env: {} })
  const engine = await openEngine({ config })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop().catch(() => {}))
  await engine.start()
  return { engine, config }
}

/** What a later version may write: a field that is not known here, also further in, and an event that is not. */
function fromTheFuture(database: DatabaseSync): void {
  database.exec(`
    UPDATE event SET data = json_set(data, '$.later', json('{"more":1}'))
      WHERE type NOT IN ('backup.start', 'sync.run');
    UPDATE event SET data = json_set(data, '$.read.later', 1) WHERE data ->> '$.read' IS NOT NULL;
    UPDATE event SET data = json_set(data, '$.sources[0].later', 1) WHERE json_type(data, '$.sources[0]') = 'object';
    INSERT INTO event (id, source, type, subject, time, run_id, attempt, data)
      SELECT 'x' || id, source, 'source.' || 'praised', subject, time, run_id, 1, '{"by":"all"}' FROM event
      WHERE type = 'source.synced';
  `)
}

describe.each(released)('a store of %s', (name) => {
  test.each([
    ['as it is', undefined],
    ['with fields and events that are not known yet', fromTheFuture],
  ] as const)('%s: comes up, its runs are ended, and later ones go on', async (_, change) => {
    const { engine } = await engineOf(await serverWith(name, change))
    await expect.poll(() => engine.journal.unended()).toEqual([])
    const run = await engine.trigger(backupStart, {})
    await engine.ended(run)
    expect(engine.journal.run(run)?.end).toMatchObject({ type: 'run.succeeded' })
    for (const { startedAt, end } of engine.journal.runs(100)) {
      expect(Math.abs(Date.now() - startedAt)).toBeLessThan(5 * 365 * 86_400_000)
      if (!change) expect(runResult.safeParse(end?.data).success).toBe(true)
    }
  })

  test('can be shown by every command, also with fields that are not known yet', async () => {
    const server = await serverWith(name, fromTheFuture)
    openDatabase(server.state).close()
    const options = { config: server.config }
    const run = new SqliteJournal(openDatabase(server.state), catalogue).runs(100).at(-1)?.id ?? ''
    const commands = [
      (io: ReturnType<typeof printed>) => checkCommand({ ...options, json: true }, io),
      (io: ReturnType<typeof printed>) => runsCommand({ ...options, limit: 20 }, io),
      (io: ReturnType<typeof printed>) => showCommand(run, options, io),
      (io: ReturnType<typeof printed>) => whyCommand('home', options, io),
      (io: ReturnType<typeof printed>) => eventsCommand(options, io),
    ]
    for (const command of commands) {
      const io = printed()
      await command(io)
      expect(io.out).not.toBe('')
      expect(io.out).not.toContain('check.failed')
    }
  })

  test('is told of over HTTP, also with fields that are not known yet', async () => {
    const { engine, config } = await engineOf(await serverWith(name, fromTheFuture))
    const app = createApp({ engine, config, version: '0', trusted: true })
    for (const path of ['/runs?limit=1000', '/runs/last', '/metrics', '/dead']) {
      expect((await app.request(path)).status, path).toBe(200)
    }
  })
})

/** What a hub hears. */
const fleetTypes = [...catalogue.keys()].filter((type) => /^(fleet|command)\./.test(type))

test('every event of a released store can be read, also with fields that are not known yet', async () => {
  const { state } = await serverWith('released-0.1.0', fromTheFuture)
  const bus = new SqliteBus(openDatabase(state), state)
  onTestFinished(() => bus.close())
  const seen = new Set<string>()
  for (const { type, data } of bus.events({})) {
    const definition = catalogue.get(type)
    if (!definition) continue
    seen.add(type)
    expect(readStored(definition, data), type).toMatchObject({ success: true })
  }
  const facts = [...catalogue.values()].filter(({ external }) => external).map(({ type }) => type)
  const newer = [
    ...['audit.login', 'audit.refused', 'audit.logout', 'audit.act'],
    ...['copy.proved', 'copy.kept', 'copy.finished', 'copy.failed', 'copy.overdue'],
    ...['vault.accepted', 'vault.odd', 'vault.damaged', 'vault.full', 'vault.failed', 'vault.overdue'],
    ...['drill.restored', 'drill.finished', 'drill.failed', 'drill.overdue'],
    ...fleetTypes,
    ...['source.before', 'source.after', 'sync.unusual', 'sync.meant', 'sync.dismissed'],
    ...[
      'source.kept',
      'archive.damaged',
      'archive.proven',
      'mirror.proven',
      'mirror.healed',
      'mirror.doubtful',
    ],
    ...['verify.finished', 'verify.failed', 'restore.finished', 'restore.failed', 'function.overdue'],
    ...['slot.awaited', 'slot.taken'],
  ]
  expect(facts.filter((type) => !seen.has(type))).toEqual(newer)
})

test('a store with times that no sender can mean keeps them as data, and what it was before as a copy', async () => {
  const { state } = await serverWith('impossible-times-0.1.0')
  const bus = new SqliteBus(openDatabase(state), state)
  onTestFinished(() => bus.close())
  const sent = bus.events({ types: [backupStart.type] }).filter(({ source }) => source === '/outside')
  expect(sent.map(({ sendertime }) => sendertime)).toEqual([
    '9999-12-31T23:59:59-00:01',
    '0000-01-01T00:00:00+00:01',
    '2031-05-05T05:05:05Z',
    undefined,
  ])
  for (const { time } of sent) expect(time).toMatch(/^2026-11-28T23:53:5\d\.\d{3}Z$/)
  expect(readdirSync(state)).toContain(`${storeFile}.v4.backup`)
})

test('runs whose senders give them other days write the archive of today', async () => {
  const server = await makeServer('archive: { target: disk }\n')
  const { engine } = await engineOf(server)
  const before = weekdayOf(Date.now())
  for (const day of [1, 2, 3]) {
    const sent = { id: `sent ${day}`, source: '/outside', time: `2026-06-0${day}T03:00:00Z` }
    const { runId } = await engine.submit({ type: backupStart.type, ...sent })
    await engine.ended(runId)
    expect(engine.journal.run(runId)?.end?.type).toBe('run.succeeded')
    expect(Math.abs((engine.journal.run(runId)?.startedAt ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(engine.bus.find('/outside', sent.id)?.sendertime).toBe(sent.time)
  }
  const written = readdirSync(join(server.folder, 'disk')).filter((folder) =>
    weekdays.includes(folder as never),
  )
  expect([before, weekdayOf(Date.now())]).toEqual(expect.arrayContaining(written))
})

/** A run as an earlier version left it: what it had done, and the step that it had in hand. */
async function leaveRun(state: string, step: string, recorded: readonly [type: string, data: object][]) {
  const bus = new SqliteBus(openDatabase(state), state)
  const at = new Date().toISOString()
  const chain: [type: string, data: object][] = [
    [backupStart.type, { sources: ['home', 'www'] }],
    [runStarted.type, { sources: ['home', 'www'] }],
    ...recorded,
    [step, { source: 'home', rest: ['www'] }],
  ]
  await bus.publish(
    chain.map(([type, data], index) => {
      const fields = { type, data, runid: 'older', subject: 'home', time: at }
      const deliveries = type === step ? [{ function: type, runAt: 0 }] : []
      return { event: event(`older ${index}`, fields), deliveries }
    }),
  )
  await bus.exchange({ now: Date.now(), renew: [], leaseMs: 1e9, settle: [], claim: 1 })
  bus.close()
}

const syncedBefore = { source: 'home', filesTransferred: 1, bytesTransferred: 1, filesDeleted: 0 }

test.each<[string, string, [type: string, data: object][]]>([
  ['a copy', syncRun.type, []],
  ['the release of a snapshot, after a good copy', snapshotCleanup.type, [[sourceSynced.type, syncedBefore]]],
  ['the release of a snapshot, after a failure', snapshotCleanup.type, []],
])(
  '%s that an earlier version had in hand comes to its end, and makes no success',
  async (_, step, recorded) => {
    const server = await serverWith('released-0.1.0')
    await leaveRun(server.state, step, recorded)
    const { engine } = await engineOf(server)
    await expect.poll(() => engine.journal.unended()).toEqual([])
    expect(engine.journal.run('older')?.end?.type).toBe('run.failed')
    const synced = engine.bus.events({ runId: 'older', types: [sourceSynced.type] })
    expect(synced.map(({ data }) => data)).toEqual(recorded.map(([, data]) => data))
    const next = await engine.trigger(backupStart, {})
    await engine.ended(next)
    expect(engine.journal.run(next)?.end?.type).toBe('run.succeeded')
  },
)
