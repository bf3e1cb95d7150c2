import { expect, test } from 'vitest'
import { createIdleWatch } from '../../../../../runtime/cli/daemon/idle.ts'
import { ManualClock } from '../../../manual-clock.ts'

test('it is time to leave once nothing has gone on for the whole while', async () => {
  const clock = new ManualClock()
  const left: number[] = []
  let busy = false
  const leave = async () => left.push(clock.now()) > 0
  const watch = createIdleWatch({ idleMs: 60, busy: () => busy, leave, clock })
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

test('whoever could not leave tries again later', async () => {
  const clock = new ManualClock()
  const begin = clock.now()
  const tried: number[] = []
  const leave = async () => tried.push(clock.now() - begin) === 3
  createIdleWatch({ idleMs: 60, busy: () => false, leave, clock })
  for (let time = 0; time < 5; time += 1) await clock.advance(60)
  expect(tried).toEqual([60, 120, 180])
})
