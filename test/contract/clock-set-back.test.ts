import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvent } from '../../events/index.ts'
import { rootPublication } from '../../runtime/engine/publication.ts'
import { defineFunction } from '../../runtime/function.ts'
import { Bench, registryOf } from '../unit/runtime/engine/bench.ts'

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
  await bench.clock.advance(-hourMs)
  await bench.start().idle()
  expect(handled).toBe(1)
})
