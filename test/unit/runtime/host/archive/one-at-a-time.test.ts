import { expect, test } from 'vitest'
import { inTurn, oneAtATime } from '../../../../../runtime/host/archive/one-at-a-time.ts'

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
  await new Promise(setImmediate)
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

test('inTurn() begins when the one before lets it, which oneAtATime() does not: it waits for the end', async () => {
  const said: string[] = []
  const first = Promise.withResolvers<void>()
  const passed = Promise.withResolvers<void>()
  const going = [
    inTurn(never, async (turn) => {
      expect(turn.hasCompany).toBe(false)
      turn.pass()
      await first.promise
      said.push('first ends')
    }),
    inTurn(never, async (turn) => {
      expect(turn.hasCompany).toBe(true)
      said.push('second begins')
      passed.resolve()
      await turn.alone()
      expect(turn.hasCompany).toBe(false)
      said.push('second is alone')
      turn.pass()
    }),
    oneAtATime(never, async () => said.push('third begins')),
  ]
  await passed.promise
  expect(said).toEqual(['second begins'])
  first.resolve()
  await Promise.all(going)
  expect(said).toEqual(['second begins', 'first ends', 'second is alone', 'third begins'])
})
