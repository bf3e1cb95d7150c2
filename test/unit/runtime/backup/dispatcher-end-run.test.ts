import { describe, expect, test } from 'vitest'
import { defineFunction } from '../../../../runtime/backup/function.ts'
import { CancelledError, TerminalError } from '../../../../runtime/errors.ts'
import { owed } from '../../../contract/publication.ts'
import { turns } from '../../manual-clock.ts'
import { Bench } from './bench.ts'
import { next, tidy, work } from './events.ts'
import { aborted, gated, states } from './gated.ts'

describe('endRun()', () => {
  const cancelled = new CancelledError('Ctrl-C')

  test('aborts what is in hand, and lets it give up', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }).start()
    await bench.emit(work, {})
    await turns()
    await bench.dispatcher.endRun('run1', cancelled)
    await bench.idle()
    expect(bench.deliveries('test.work')).toMatchObject([
      { state: 'cancelled', attempts: [{ error: 'Ctrl-C' }] },
    ])
    expect(bench.told.at(-1)).toMatchObject({ type: 'test.given', data: { reason: 'Ctrl-C' } })
  })

  test('gives up what is waiting, the delayed too, without running it', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }, { concurrency: 1 })
    await bench.emit(work, {})
    await bench.emit(work, {})
    const inAnHour = { function: 'test.work', runAt: bench.clock.now() + 3_600_000 }
    await bench.bus.publish([owed('delayed', inAnHour, { type: work.type, data: {}, runid: 'run1' })])
    await bench.dispatcher.endRun('run1', cancelled)
    bench.start()
    await bench.idle()
    expect(wait.began).toEqual([])
    expect(states(bench, 'test.work')).toEqual(['cancelled', 'cancelled', 'cancelled'])
    expect(bench.types().filter((type) => type === 'test.given')).toHaveLength(3)
  })

  test('gives up what follows, but puts things in order, and neither aborts nor stops that', async () => {
    const tidied = gated(tidy, { always: true })
    const later = gated(next)
    const definition = defineFunction({
      on: work,
      emits: [tidy, next],
      run: (_, { signal }) => aborted(signal),
      giveUp: (_, { emit }) => {
        emit(tidy, {})
        emit(next, {})
      },
    })
    const bench = new Bench({
      'test.work': definition,
      'test.tidy': tidied.definition,
      'test.next': later.definition,
    }).start()
    await bench.emit(work, {})
    await turns()
    await bench.dispatcher.endRun('run1', cancelled)
    await turns()
    expect(tidied.began).toEqual(['var'])
    await bench.dispatcher.endRun('run1', cancelled)
    tidied.open()
    await bench.idle()
    expect(states(bench, 'test.tidy')).toEqual(['done'])
    expect(states(bench, 'test.next')).toEqual(['cancelled'])
    expect(later.began).toEqual([])
  })

  test('leaves what stands beside the chain alone, in hand as well as waiting', async () => {
    const beside = gated(work, { aside: true })
    const bench = new Bench({ beside: beside.definition }, { concurrency: 1 }).start()
    await bench.emit(work, { source: 'a' })
    await bench.emit(work, { source: 'b' })
    await turns()
    await bench.dispatcher.endRun('run1', cancelled)
    beside.open()
    await bench.idle()
    expect(beside.began).toEqual(['a', 'b'])
    expect(states(bench, 'beside')).toEqual(['done', 'done'])
  })

  test('leaves other runs alone', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }).start()
    await bench.emit(work, {}, 'run1')
    await bench.emit(work, {}, 'run2')
    await turns()
    await bench.dispatcher.endRun('run1', cancelled)
    wait.open()
    await bench.idle()
    expect([states(bench, 'test.work', 'run1'), states(bench, 'test.work', 'run2')]).toEqual([
      ['cancelled'],
      ['done'],
    ])
  })

  test('with a TerminalError makes dead letters', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }).start()
    await bench.emit(work, {})
    await turns()
    await bench.dispatcher.endRun('run1', new TerminalError('interrupted'))
    await bench.idle()
    expect(states(bench, 'test.work')).toEqual(['dead'])
  })

  test('lets a function that ends well all the same be done, and gives up what it emitted', async () => {
    const gate = Promise.withResolvers<void>()
    const later = gated(next)
    const stubborn = defineFunction({
      on: work,
      emits: [next],
      async run(_, { emit }) {
        await gate.promise
        emit(next, {})
      },
    })
    const bench = new Bench({ 'test.work': stubborn, 'test.next': later.definition }).start()
    await bench.emit(work, {})
    await turns()
    await bench.dispatcher.endRun('run1', cancelled)
    gate.resolve()
    await bench.idle()
    expect([states(bench, 'test.work'), states(bench, 'test.next')]).toEqual([['done'], ['cancelled']])
  })
})
