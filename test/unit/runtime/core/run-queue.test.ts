import { expect, onTestFinished, test } from 'vitest'
import {
  backupStart,
  type Envelope,
  runCancelled,
  runStarted,
  runSucceeded,
} from '../../../../events/index.ts'
import type { Engine } from '../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { makeServer, type Server } from '../cli/night.ts'

async function open(server: Server, seen: Envelope[] = []): Promise<Engine> {
  const config = await loadConfig({ path: server.config, env: {} })
  const engine = await openEngine({ config, observer: { onEvent: (event) => seen.push(event) } })
  if (!engine) throw new Error('another hdsync is at work')
  return engine
}

/** Beginnings and ends of runs, in order. */
function marks(seen: Envelope[], runs: string[]): string[] {
  const types = new Map<string, string>([
    [runStarted.type, 'begins'],
    [runSucceeded.type, 'succeeded'],
    [runCancelled.type, 'cancelled'],
  ])
  return seen.flatMap(({ type, runid = '' }) => {
    const mark = types.get(type)
    return mark ? [`${'abc'[runs.indexOf(runid)]} ${mark}`] : []
  })
}

test('runs that are asked for at once are done one after the other, in their order', async () => {
  const seen: Envelope[] = []
  const engine = await open(await makeServer(), seen)
  onTestFinished(() => engine.stop())
  await engine.start()
  const runs = await Promise.all(
    [['home'], ['www'], ['home', 'www']].map((sources) => engine.trigger(backupStart, { sources })),
  )
  await Promise.all(runs.map((run) => engine.ended(run)))
  const each = (run: string) => [`${run} begins`, `${run} succeeded`]
  expect(marks(seen, runs)).toEqual(['a', 'b', 'c'].flatMap(each))
})

test('a run that waits can be cancelled, and keeps no other one waiting', async () => {
  const seen: Envelope[] = []
  const engine = await open(await makeServer(), seen)
  onTestFinished(() => engine.stop())
  await engine.start()
  const runs = await Promise.all(
    [['home'], ['www'], ['home', 'www']].map((sources) => engine.trigger(backupStart, { sources })),
  )
  expect(await engine.cancel(runs[1] ?? '', 'not needed')).toBe(true)
  await Promise.all(runs.map((run) => engine.ended(run)))
  expect(await engine.cancel(runs[1] ?? '', 'twice')).toBe(false)
  expect(await engine.cancel('unknown', 'why not')).toBe(false)
  expect(engine.journal.run(runs[1] ?? '')?.end?.type).toBe(runCancelled.type)
  expect(
    marks(seen, [runs[0] ?? '', '', runs[2] ?? '']).filter((mark) => /[ac]/.test(mark[0] ?? '')),
  ).toEqual(['a begins', 'a succeeded', 'c begins', 'c succeeded'])
})

test('runs that wait when the process ends are done by the next one', async () => {
  const server = await makeServer()
  const first = await open(server)
  // Asked for, but nobody has begun to hand anything out.
  const runs = [await first.trigger(backupStart, {}), await first.trigger(backupStart, { sources: ['home'] })]
  await first.stop()
  const seen: Envelope[] = []
  const second = await open(server, seen)
  onTestFinished(() => second.stop())
  await second.start()
  await Promise.all(runs.map((run) => second.ended(run)))
  expect(marks(seen, runs)).toEqual(['a begins', 'a succeeded', 'b begins', 'b succeeded'])
})
