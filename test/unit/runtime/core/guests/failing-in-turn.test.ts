import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { scheduleDue, sourceAfter, sourceBefore } from '../../../../../events/index.ts'
import { defineFunction } from '../../../../../runtime/backup/function.ts'
import { type ScheduleMemo, Scheduler } from '../../../../../runtime/core/scheduler.ts'
import { type Bench, registryOf } from '../../backup/bench.ts'
import { done, next, work } from '../../backup/events.ts'
import { fewFailures } from './failures.ts'
import { benchOf, ended, events, guest } from './guest-bench.ts'

const good = guest(`async run({ type }, { log }) { await sleep(1); log.info('good at ' + type) }`).replace(
  'limit: 1',
  'limit: 5',
)

describe('a function with a schedule', () => {
  const scheduled = (text: string) => text.replace('on: work,', `schedule: 'every 15m',`)

  test.each(fewFailures)(
    'that %s: its turn fails, the next one comes, and others have theirs',
    async (_, [text, reason]) => {
      const { bench, guests } = await benchOf({ guest: scheduled(text), good: scheduled(good) })
      const memos = new Map<string, ScheduleMemo>()
      const scheduler = new Scheduler({
        registry: registryOf({}, events, guests),
        bus: bench.bus,
        journal: bench.journal,
        clock: bench.clock,
        memos,
        publish: (publications) => bench.dispatcher.publish(publications),
        onWarning: (message) => void bench.said.push(message),
      })
      onTestFinished(() => scheduler.stop())
      await scheduler.start()
      for (const turn of [0, 1]) {
        await bench.clock.advance(15 * 60_000)
        await vi.waitFor(() => expect(runsOf(bench, 'good')).toHaveLength(turn + 1), { timeout: 60_000 })
        expect(await ended(bench, 'good', runsOf(bench, 'good')[turn])).toMatchObject({ state: 'done' })
        expect(runsOf(bench, 'guest')).toHaveLength(turn + 1)
        expect(await ended(bench, 'guest', runsOf(bench, 'guest')[turn])).toMatchObject({
          state: 'dead',
          errors: [expect.stringMatching(reason)],
        })
      }
      expect(bench.types()).not.toContain(done.type)
      expect(bench.said.filter((line) => line === 'good at schedule.due').length).toBeGreaterThanOrEqual(2)
    },
  )
})

/** The runs of the turns of a function, in their order. */
function runsOf({ bus }: Bench, name: string): string[] {
  return bus.events({ types: [scheduleDue.type], subject: name }).flatMap(({ runid }) => runid ?? [])
}

describe('a function at a gate', () => {
  const atGate = (text: string) =>
    text
      .replace('on: work,', 'on: sourceBefore,')
      .replace('export default', "import { sourceBefore } from 'hdsync'\nexport default")
  const asks = defineFunction({
    on: work,
    emits: [sourceBefore, next],
    run({ data }, { emit }) {
      emit(sourceBefore, data)
      emit(next, data)
    },
  })
  /** Waits at the gate as a source does, for an hour at most. */
  const waits = defineFunction({
    on: next,
    emits: [sourceAfter, done],
    timeout: '9h',
    async run({ data }, { emit, events: log, gates, log: { info } }) {
      const [before] = log.ofRun(sourceBefore)
      if (!before) throw new Error('the gate was not opened')
      const gate = gates.open(before.event, { timeoutMs: 3_600_000, onTimeout: 'copy-anyway' })
      info(`problem: ${await gate.ready()}`)
      emit(sourceAfter, { source: data.source, before: before.event.id, copied: true })
      await gate.close(true)
      emit(done, data)
    },
  })

  test.each(fewFailures)(
    'that %s: the source is told why at once, and goes on',
    async (_, [text, reason]) => {
      const { bench } = await benchOf({ guest: atGate(text), good: atGate(good) }, {}, { own: asks, waits })
      const began = bench.clock.now()
      await bench.emit(work, { source: 'one' })
      expect(await ended(bench, 'waits')).toEqual({ state: 'done', errors: [null] })
      expect(bench.clock.now() - began).toBeLessThan(3_600_000)
      expect(await ended(bench)).toMatchObject({ state: 'dead', errors: [expect.stringMatching(reason)] })
      expect(bench.said).toContainEqual(expect.stringMatching(/^problem: (?!undefined)/))
      expect(bench.said.find((line) => line.startsWith('problem:'))).toMatch(reason)
      expect(await ended(bench, 'good')).toMatchObject({ state: 'done' })
      expect(bench.types().toSorted()).toEqual([
        'dead.lettered',
        'source.after',
        'source.before',
        'test.done',
        'test.next',
        'test.work',
      ])
    },
  )
})
