import { expect, test } from 'vitest'
import { oneAtATime } from '../../../../../runtime/host/archive/one-at-a-time.ts'

const never = new AbortController().signal

test('oneAtATime() begins what is asked for when all before it has ended, well or not', async () => {
  const said: string[] = []
  const first = Promise.withResolvers<void>()
  const results = Promise.allSettled([
    oneAtATime(never, async () => {
      said.push('first begins')
      await first.promise
      said.push('first ends')
    }),
    oneAtATime(never, async () => {
      said.push('second begins')
      throw new Error('the disk is full')
    }),
    oneAtATime(never, async () => said.push('third begins')),
  ])
  await Promise.resolve()
  expect(said).toEqual(['first begins'])
  first.resolve()
  expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(said).toEqual(['first begins', 'first ends', 'second begins', 'third begins'])
})

test('oneAtATime() does not begin what has been cancelled while it waited', async () => {
  const first = Promise.withResolvers<void>()
  const stop = new AbortController()
  const going = oneAtATime(never, () => first.promise)
  const waiting = oneAtATime(stop.signal, () => {
    throw new Error('it was begun')
  })
  stop.abort(new Error('cancelled'))
  first.resolve()
  await going
  await expect(waiting).rejects.toThrow('cancelled')
})
