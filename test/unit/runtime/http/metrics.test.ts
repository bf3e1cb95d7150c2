import { expect, test } from 'vitest'
import { runDegraded, runFailed, runSucceeded, sourceSynced, syncRun } from '../../../../events/index.ts'
import { rootPublication } from '../../../../runtime/core/publication.ts'
import { makeService, type Service } from './service.ts'

const start = Date.UTC(2026, 2, 1)
const iso = (minutes: number) => new Date(start + minutes * 60_000).toISOString()

const source = (name: string, state: string, more: object = {}) => ({
  source: name,
  state,
  mountTrials: 0,
  snapshotUsedPercent: null,
  filesTransferred: null,
  bytesTransferred: null,
  filesDeleted: null,
  archive: null,
  error: null,
  ...more,
})

/** A run that has ended. */
async function ended({ engine }: Service, run: string, minutes: number, sources: object[]): Promise<void> {
  const failed = sources.some((one) => 'state' in one && one.state === 'failed')
  const event = failed ? runFailed : sources.length > 1 ? runSucceeded : runDegraded
  const result = {
    run,
    state: event.type.slice(4),
    startedAt: iso(minutes),
    endedAt: iso(minutes + 10),
    sources,
  }
  await engine.dispatcher.publish([
    rootPublication(engine.registry, event, result as never, { now: start, runId: run }),
  ])
}

/** The lines of the exposition that begin so. */
async function lines({ request }: Service, prefix: string): Promise<string[]> {
  const text = await (await request('/metrics')).text()
  return text.split('\n').filter((line) => line.startsWith(prefix))
}

test('the metrics are OpenMetrics, each with its help', async () => {
  const { request } = await makeService()
  const response = await request('/metrics')
  expect(response.headers.get('content-type')).toBe(
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  )
  const text = await response.text()
  expect(text).toMatch(/# EOF\n$/)
  expect(text).toContain('hdsync_build_info{version="9.9.9"} 1')
  expect(text.match(/^# TYPE /gm)).toHaveLength(text.match(/^# HELP hdsync_\w+ \S/gm)?.length ?? 0)
})

test('a source has the figures of its last run, and the time of its last success, whichever run that was', async () => {
  const service = await makeService()
  const copied = {
    filesTransferred: 7,
    bytesTransferred: 4096,
    filesDeleted: 2,
    mountTrials: 3,
    snapshotUsedPercent: 12.5,
  }
  await ended(service, 'r1', 0, [source('home', 'succeeded', copied), source('www', 'succeeded')])
  await ended(service, 'r2', 60, [source('www', 'failed', { error: 'x' })])
  expect(await lines(service, 'hdsync_source_last_success')).toEqual([
    `hdsync_source_last_success_timestamp_seconds{source="home"} ${start / 1000 + 600}`,
    `hdsync_source_last_success_timestamp_seconds{source="www"} ${start / 1000 + 600}`,
  ])
  expect((await lines(service, 'hdsync_source_last_state')).filter((line) => line.endsWith(' 1'))).toEqual([
    'hdsync_source_last_state{source="home",state="succeeded"} 1',
    'hdsync_source_last_state{source="www",state="failed"} 1',
  ])
  for (const [name, value] of [
    ['transferred_bytes', 4096],
    ['transferred_files', 7],
    ['deleted_files', 2],
    ['mount_trials', 3],
    ['snapshot_used_ratio', 0.125],
  ]) {
    expect(await lines(service, `hdsync_source_last_${name}{source="home"}`)).toEqual([
      `hdsync_source_last_${name}{source="home"} ${value}`,
    ])
  }
  expect(await lines(service, 'hdsync_source_last_snapshot_used_ratio{source="www"}')).toEqual([])
  expect(await lines(service, 'hdsync_run_last_duration_seconds')).toEqual([
    'hdsync_run_last_duration_seconds 600',
  ])
})

test('a source that was never backed up says so with a 0', async () => {
  const service = await makeService()
  expect(await lines(service, 'hdsync_source_last_')).toEqual([
    'hdsync_source_last_success_timestamp_seconds{source="home"} 0',
    'hdsync_source_last_success_timestamp_seconds{source="www"} 0',
  ])
})

test('a success is found behind many failures', async () => {
  const service = await makeService()
  await ended(service, 'good', 0, [source('home', 'succeeded'), source('www', 'succeeded')])
  for (let n = 1; n <= 40; n += 1) await ended(service, `bad${n}`, n * 60, [source('home', 'failed')])
  expect(await lines(service, 'hdsync_source_last_success_timestamp_seconds{source="home"}')).toEqual([
    `hdsync_source_last_success_timestamp_seconds{source="home"} ${start / 1000 + 600}`,
  ])
})

test('the duration of a source is that from its first to its last event', async () => {
  const service = await makeService()
  const { engine } = service
  const at = (now: number) => ({ now: start + now, runId: 'r1' })
  const synced = { source: 'home', filesTransferred: 1, bytesTransferred: 1, filesDeleted: 0 }
  await engine.bus.publish([
    { ...rootPublication(engine.registry, syncRun, { source: 'home' }, at(1000)), deliveries: [] },
    rootPublication(engine.registry, sourceSynced, synced, at(91_500)),
  ])
  await ended(service, 'r1', 0, [source('home', 'succeeded'), source('www', 'succeeded')])
  expect(await lines(service, 'hdsync_source_last_duration_seconds')).toEqual([
    'hdsync_source_last_duration_seconds{source="home"} 90.5',
  ])
})

test('a function has what it has to do, how old that is, its attempts and its dead letters', async () => {
  const service = await makeService()
  const { engine, clock } = service
  const now = clock.now()
  const claim = () => engine.bus.exchange({ now, renew: [], settle: [], claim: 1, leaseMs: 60_000 })
  const put = (source: string, age: number) =>
    engine.bus.publish([
      rootPublication(engine.registry, syncRun, { source }, { now: now - age, runId: source }),
    ])
  await put('a', 300_000)
  const [dying] = (await claim()).claimed
  if (!dying) throw new Error('nothing was claimed')
  const attempt = { startedAt: now, endedAt: now, error: 'x' }
  await engine.bus.exchange({
    now,
    renew: [],
    settle: [{ delivery: dying, outcome: 'dead', attempt, publications: [] }],
    claim: 0,
    leaseMs: 60_000,
  })
  await put('b', 200_000)
  await claim()
  await put('c', 90_000)
  await put('d', 30_000)
  await service.start()
  expect(await lines(service, 'hdsync_function_deliveries{function="sync.run"')).toEqual([
    'hdsync_function_deliveries{function="sync.run",state="ready"} 2',
    'hdsync_function_deliveries{function="sync.run",state="waiting"} 0',
    'hdsync_function_deliveries{function="sync.run",state="claimed"} 1',
  ])
  expect(await lines(service, 'hdsync_function_deliveries{function="backup.start",state="waiting"')).toEqual([
    'hdsync_function_deliveries{function="backup.start",state="waiting"} 1',
  ])
  const value = async (name: string) =>
    (await lines(service, `hdsync_function_${name}{function="sync.run"}`))[0]?.split(' ')[1]
  expect([await value('oldest_ready_seconds'), await value('attempts'), await value('dead_letters')]).toEqual(
    ['90', '2', '1'],
  )
  expect(await lines(service, 'hdsync_runs_unended')).toEqual(['hdsync_runs_unended 1'])
})
