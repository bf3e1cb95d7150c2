import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { backupStart, defineEvent, snapshotBefore } from '../../../events/index.ts'
import { defineFunction } from '../../../runtime/backup/function.ts'
import { rehearse } from '../../../runtime/testing.ts'

const partDone = defineEvent('part.done', z.strictObject({ n: z.int() }))
const allDone = defineEvent('all.done', z.strictObject({ parts: z.array(z.int()) }), { external: true })

/** Waits for three parts, in whatever order they come. */
const join = defineFunction({
  on: partDone,
  emits: [allDone],
  run(_, { events, emit }) {
    const parts = events.ofRun(partDone).map(({ data }) => data.n)
    if (new Set(parts).size === 3) emit(allDone, { parts })
  },
})

describe('rehearse()', () => {
  test('has a join see the events that came before, in its run alone', async () => {
    const past = (n: number, run?: string) => ({ on: partDone, data: { n }, ...(run && { run }) })
    const emittedAfter = async (...events: ReturnType<typeof past>[]) =>
      (await rehearse(join, { on: partDone, data: { n: 3 }, events })).emitted
    expect(await emittedAfter(past(1))).toEqual([])
    expect(await emittedAfter(past(1), past(2, 'another'))).toEqual([])
    expect(await emittedAfter(past(1), past(2))).toEqual([
      { type: 'all.done', attempt: 1, data: { parts: [1, 2, 3] } },
    ])
  })

  test('tells what a function says, runs and starts', async () => {
    const definition = defineFunction({
      on: snapshotBefore,
      emits: [],
      async run({ data, attempt }, { host, log, start }) {
        const { stdout } = await host.program({ argv: ['hostname'], timeoutMs: 1000 })
        log.info(`${stdout} ${data.source} ${attempt}`)
        start(backupStart, {}, { delay: '5m' })
      },
    })
    const options = { attempt: 2, answer: () => 'box' }
    const one = await rehearse(definition, snapshotBefore, { source: 'var' }, options)
    const other = await rehearse(definition, { on: snapshotBefore, data: { source: 'var' }, ...options })
    expect(other).toEqual(one)
    expect(one).toMatchObject({
      outcome: 'done',
      story: ['$ hostname', 'info: box var 2'],
      started: [{ type: 'backup.start', data: {}, delayMs: 300_000, key: null }],
    })
  })
})
