import { expect, test } from 'vitest'
import { Retention } from '../../../../runtime/core/retention.ts'
import { CancelledError } from '../../../../runtime/errors.ts'
import { turns } from '../../manual-clock.ts'
import { TeaRoom } from './toys.ts'

const day = 86_400_000

test('the core takes a chain of any events from its start to its end', async () => {
  const room = new TeaRoom()
  const run = await room.serve('ann')
  expect(room.told).toEqual(['tea.start ann', 'water.boil ann', 'tea.served ann'])
  expect(room.endOf(run)).toEqual({ guest: 'ann', cold: false })
})

test('a step that fails is attempted again after a pause, and given up at its limit', async () => {
  const room = new TeaRoom()
  room.trouble.set('ann', () => {
    throw new Error('no gas')
  })
  const run = await room.order('ann')
  await room.clock.advance(60_000)
  await room.ends.wait(run)
  expect(room.endOf(run)).toEqual({ guest: 'ann', cold: true })
  expect(room.journal.dead()).toMatchObject([{ function: 'serve', tries: 2, error: 'no gas' }])
})

test('runs come one after the other; one that is cancelled ends, and the next begins', async () => {
  const room = new TeaRoom()
  const boiling = Promise.withResolvers<void>()
  room.trouble.set('ann', () => {
    boiling.resolve()
    return new Promise(() => {})
  })
  const [ann, ben] = [await room.order('ann'), await room.order('ben')]
  await boiling.promise
  expect(room.queue.current).toBe(ann)
  await room.dispatcher.endRun(ann, new CancelledError('the guest has left'))
  // A handler that does not heed its signal is not waited for longer than that.
  await room.clock.advance(10 * 60_000)
  await room.ends.wait(ben)
  expect(room.endOf(ann)).toEqual({ guest: 'ann', cold: true })
  expect(room.told.slice(-2)).toEqual(['water.boil ben', 'tea.served ben'])
})

test('a run that was waited for leaves no timer behind, which would keep the process from its end', async () => {
  const room = new TeaRoom()
  const before = room.clock.scheduled
  await room.serve('ann')
  await turns()
  expect(room.clock.scheduled).toBe(before)
})

test('what has ended is forgotten in time, but for what its definition keeps and the newest run', async () => {
  const room = new TeaRoom()
  const runs = []
  for (const guest of ['queen', 'ann', 'ben', 'cat']) {
    runs.push(await room.serve(guest))
    room.clock.set(5 * day)
  }
  const warnings: string[] = []
  const { journal, clock } = room
  const retention = new Retention({
    journal,
    keepMs: 3 * day,
    clock,
    onWarning: (message) => warnings.push(message),
  })
  retention.start()
  await clock.advance(60_000)
  retention.stop()
  expect(warnings).toEqual([])
  expect(runs.filter((run) => journal.run(run))).toEqual([runs[0], runs[2], runs[3]])
})
