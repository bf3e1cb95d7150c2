import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvent } from '../../events/define.ts'
import { defineFunction } from '../../runtime/core/function.ts'
import { rootPublication } from '../../runtime/core/publication.ts'
import { Bench, registryOf } from '../unit/runtime/backup/bench.ts'

const hourMs = 3_600_000
const asked = defineEvent('clock.asked', z.strictObject({}))

test('what is not delayed does not wait until a clock that was set back has caught up', async () => {
  let handled = 0
  const functions = {
    asked: defineFunction({
      on: asked,
      emits: [],
      run() {
        handled += 1
      },
    }),
  }
  const bench = new Bench(functions)
  const now = bench.clock.now()
  await bench.bus.publish([rootPublication(registryOf(functions), asked, {}, { now, runId: 'run1' })])
  bench.clock.set(-hourMs)
  await bench.start().idle()
  expect(handled).toBe(1)
})

describe('what is delayed waits for no longer than its delay when the clock is set back by hours', () => {
  const delayMs = 60_000
  const begun = defineEvent('clock.begun', z.strictObject({}))

  /** Something that is done a minute after it was asked for, or that fails and is tried again after a minute. */
  function delayed() {
    const handledAt: number[] = []
    const functions = {
      begun: defineFunction({
        on: begun,
        emits: [asked],
        run: (_, { emit }) => emit(asked, {}, { delayMs }),
      }),
      asked: defineFunction({
        on: asked,
        emits: [],
        retry: { limit: 2, minDelayMs: delayMs, maxDelayMs: delayMs },
        run() {
          handledAt.push(bench.clock.now())
          if (handledAt.length === 1) throw new Error('not yet')
        },
      }),
    }
    const bench = new Bench(functions)
    return { bench, handledAt }
  }

  test('while hdsync runs', async () => {
    const { bench, handledAt } = delayed()
    bench.start()
    await bench.emit(begun, {})
    await bench.idle()
    await bench.clock.advance(20_000)
    bench.clock.set(-3 * hourMs)
    await bench.clock.advance(39_000)
    expect(handledAt).toHaveLength(0)
    await bench.clock.advance(2000)
    expect(handledAt).toHaveLength(1)
    bench.clock.set(-5 * hourMs)
    await bench.clock.advance(61_000)
    expect(handledAt).toHaveLength(2)
  })

  test('while none runs', async () => {
    const { bench, handledAt } = delayed()
    bench.start()
    await bench.emit(begun, {})
    await bench.idle()
    await bench.dispatcher.stop()
    bench.clock.set(-3 * hourMs)
    await bench.bus.reclaim('stopped', bench.clock.now())
    const next = bench.successor()
    next.start()
    await bench.clock.advance(59_000)
    expect(handledAt).toHaveLength(0)
    await bench.clock.advance(2000)
    expect(handledAt).toHaveLength(1)
    await next.stop()
    bench.clock.set(-5 * hourMs)
    await bench.bus.reclaim('stopped', bench.clock.now())
    bench.successor().start()
    await bench.clock.advance(61_000)
    expect(handledAt).toHaveLength(2)
  })
})
