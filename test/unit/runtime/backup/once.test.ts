import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import type { Engine } from '../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { ManualClock } from '../../manual-clock.ts'
import { makeServer, type Server } from '../cli/night.ts'

async function open({ config }: Server, clock: ManualClock): Promise<Engine> {
  const engine = await openEngine({ config: await loadConfig({ path: config, env: {} }), clock })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop().catch(() => {}))
  await engine.start()
  return engine
}

const settled = (engine: Engine) => expect.poll(() => engine.bus.open(), { timeout: 60_000 }).toEqual([])

test('the next attempt is given what was done once, after a restart too, until its run is forgotten', async () => {
  const server = await makeServer()
  const effects = join(server.folder, 'effects')
  writeFileSync(
    join(server.folder, 'functions/pay.ts'),
    `import { appendFileSync } from 'node:fs'
import { defineEvent, defineFunction, z } from 'hdsync'
const bill = defineEvent('bill.came', z.strictObject({ n: z.int() }), { triggerable: true })
export default defineFunction({ on: bill, emits: [], retry: { limit: 9, minDelayMs: 60_000 }, async run({ data, firstTry }, { log, once }) {
  const paid = await once('pay', async () => { appendFileSync(${JSON.stringify(effects)}, data.n + '\\n'); return { receipt: data.n * 10 } })
  if (firstTry) throw new Error('after the effect')
  log.info('receipt ' + paid.receipt)
} })`,
  )
  const clock = new ManualClock()
  const first = await open(server, clock)
  for (const n of [1, 2]) await first.submit({ type: 'bill.came', data: { n } })
  // Both have failed once.
  const waiting = () => first.bus.open().filter(({ runAt }) => runAt > clock.now())
  await expect.poll(waiting, { timeout: 60_000 }).toHaveLength(2)
  const due = Math.max(...waiting().map(({ runAt }) => runAt))
  await first.stop()

  const second = await open(server, clock)
  // No further: the attempts run by the real clock, and their time is measured by this one.
  await clock.advance(due + 1 - clock.now())
  await settled(second)
  expect(
    second.journal
      .said({ function: 'pay' })
      .map(({ message }) => message)
      .sort(),
  ).toEqual(['after the effect', 'after the effect', 'receipt 10', 'receipt 20'])
  expect(readFileSync(effects, 'utf8').split('\n').sort()).toEqual(['', '1', '2'])

  const rows = () => {
    const database = new DatabaseSync(join(server.folder, 'state/hdsync.db'), { readOnly: true })
    const all = database.prepare('SELECT name, result FROM once ORDER BY result').all()
    database.close()
    return all.map((row) => ({ ...row }))
  }
  expect(rows()).toEqual([
    { name: 'pay', result: '{"receipt":10}' },
    { name: 'pay', result: '{"receipt":20}' },
  ])
  second.journal.prune(clock.now() + 1)
  expect(rows()).toEqual([])
})
