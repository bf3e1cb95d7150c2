import { expect, test } from 'vitest'
import { defineFunction } from '../../../../../runtime/backup/function.ts'
import { orderOf, putOffOf } from '../../../../../runtime/core/registry/order.ts'
import { Bench } from '../../backup/bench.ts'
import { work } from '../../backup/events.ts'

const order = (spec: object) => orderOf(defineFunction({ on: work, emits: [], run() {}, ...spec }), {})

test('orderOf() says nothing of a function that says nothing, and no more than it says', () => {
  const key = () => 'k'
  expect(order({})).toEqual({})
  expect(order({ concurrency: { key, onBusy: 'wait' } })).toEqual({ key: 'k' })
  expect(order({ concurrency: { key, limit: 2, onBusy: 'skip' } })).toEqual({
    key: 'k',
    keyLimit: 2,
    onBusy: 'skip',
  })
  const putOff = { waitMs: 1000, longestMs: 10_000 }
  expect(order({ debounce: '1s', concurrency: { key } })).toEqual({ key: 'k', putOff })
  expect(order({ debounce: '1s' })).toMatchObject({ key: '(any)', putOff })
})

test.each([
  ['30s', { waitMs: 30_000, longestMs: 300_000 }],
  [
    { wait: '30s', longest: '1m' },
    { waitMs: 30_000, longestMs: 60_000 },
  ],
  ['0s', undefined],
  ['soon', undefined],
  [{ wait: '30s', longest: '29s' }, undefined],
  [{ wait: '30s', longest: 'ever' }, undefined],
])('putOffOf(%j)', (debounce, expected) => {
  expect(putOffOf(debounce)).toEqual(expected)
})

test("a function of one's own is put off, and side by side with itself without a key", async () => {
  const calls: string[] = []
  const debounced = defineFunction({
    on: work,
    emits: [],
    debounce: '10s',
    timeout: '1h',
    run({ data }) {
      calls.push(data.source)
      return new Promise(() => {})
    },
  })
  const bench = new Bench({ debounced }).start()
  for (const source of ['a', 'b', 'c']) {
    await bench.emit(work, { source })
    await bench.clock.advance(6000)
  }
  expect(calls).toEqual([])
  await bench.clock.advance(4000)
  expect(calls).toEqual(['c'])
  await bench.emit(work, { source: 'd' })
  await bench.clock.advance(10_000)
  expect(calls).toEqual(['c', 'd'])
})

test('what came while nobody was there to handle it is one delivery', async () => {
  const calls: string[] = []
  const debounced = defineFunction({
    on: work,
    emits: [],
    debounce: '10s',
    run: ({ data }) => void calls.push(data.source),
  })
  const bench = new Bench({ debounced })
  for (const source of ['a', 'b']) await bench.emit(work, { source })
  await bench.clock.advance(60_000)
  bench.start()
  await bench.clock.advance(1000)
  expect(calls).toEqual(['b'])
})
