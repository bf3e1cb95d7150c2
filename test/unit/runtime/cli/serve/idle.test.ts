import { expect, test } from 'vitest'
import { createIdleWatch } from '../../../../../runtime/cli/serve/idle.ts'
import { ManualClock } from '../../../manual-clock.ts'

test('it is time to leave once nothing has gone on for the whole while', async () => {
  const clock = new ManualClock()
  const left: number[] = []
  let busy = false
  const watch = createIdleWatch({ idleMs: 60, busy: () => busy, leave: () => left.push(clock.now()), clock })
  const begin = clock.now()
  await clock.advance(50)
  watch.touch()
  await clock.advance(50)
  expect(left).toEqual([])
  busy = true
  await clock.advance(60)
  expect(left).toEqual([])
  busy = false
  await clock.advance(60)
  expect(left.map((at) => at - begin)).toEqual([170])
})
