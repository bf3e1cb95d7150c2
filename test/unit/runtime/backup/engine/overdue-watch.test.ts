import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { backupStart, type DataOf, runOverdue } from '../../../../../events/index.ts'
import type { Engine } from '../../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { ManualClock } from '../../../manual-clock.ts'
import { makeServer, type Server } from '../../cli/night.ts'

const hour = 3_600_000

async function open({ config }: Server, clock: ManualClock): Promise<Engine> {
  const engine = await openEngine({ config: await loadConfig({ path: config, env: {} }), clock })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop().catch(() => {}))
  await engine.start()
  return engine
}

async function backUp(engine: Engine): Promise<void> {
  await engine.ended(await engine.trigger(backupStart, {}))
  await engine.dispatcher.idle()
}

/** Which sources were told of as overdue, and since when. */
function overdue({ bus }: Engine): [string, string | null][] {
  return bus
    .events({ types: [runOverdue.type] })
    .map(({ data }) => data as DataOf<typeof runOverdue>)
    .map(({ source, lastSuccessAt }) => [source, lastSuccessAt])
}

describe('a source without a success for alert.after', () => {
  test('is told of once, by the process that is at work', async () => {
    const clock = new ManualClock()
    const engine = await open(await makeServer('alert: { after: 36h }'), clock)
    await clock.advance(36 * hour - 1)
    expect(overdue(engine)).toEqual([])
    await clock.advance(1)
    expect(overdue(engine)).toEqual([
      ['home', null],
      ['www', null],
    ])
    await clock.advance(100 * hour)
    expect(overdue(engine)).toHaveLength(2)
  })

  test('is told of by the next start, and again after it has succeeded and not any more', async () => {
    const server = await makeServer()
    const clock = new ManualClock()
    const first = await open(server, clock)
    await backUp(first)
    const succeededAt = new Date(clock.now()).toISOString()
    await first.stop()
    rmSync(join(server.folder, 'www'), { recursive: true })
    await clock.advance(30 * hour)

    const second = await open(server, clock)
    expect(overdue(second)).toEqual([])
    await backUp(second)
    await second.stop()
    await clock.advance(10 * hour)

    const third = await open(server, clock)
    expect(overdue(third)).toEqual([['www', succeededAt]])
    await third.stop()
    const fourth = await open(server, clock)
    expect(overdue(fourth)).toHaveLength(1)
    await clock.advance(26 * hour)
    expect(overdue(fourth).map(([source]) => source)).toEqual(['www', 'home'])
  })

  test('belongs to no run', async () => {
    const clock = new ManualClock()
    const engine = await open(await makeServer('alert: { after: 1m }'), clock)
    await clock.advance(60_000)
    const [event] = engine.bus.events({ types: [runOverdue.type] })
    expect(event).toMatchObject({ subject: 'home', data: { allowedMs: 60_000 } })
    expect(event).not.toHaveProperty('runid')
    expect(engine.journal.unended()).toEqual([])
  })
})
