import { describe, expect, test } from 'vitest'
import type { Envelope } from '../../../../events/index.ts'
import { defineFunction, type FunctionSpec } from '../../../../runtime/backup/function.ts'
import type { Delivery } from '../../../../runtime/core/bus/bus.ts'
import type { Received } from '../../../../runtime/core/function.ts'
import { RetryableError, TerminalError } from '../../../../runtime/errors.ts'
import { Bench } from '../backup/bench.ts'
import { done, given, next, work } from '../backup/events.ts'

type Spec = FunctionSpec<typeof work, readonly [typeof done, typeof given]>

/** A bench with one function that takes `test.work`; it may emit `test.done`, and says when it gives up. */
function benchOf(run: Spec['run'], options: Partial<Spec> = {}): Bench {
  return new Bench({
    'test.work': defineFunction({
      on: work,
      emits: [done, given],
      giveUp: ({ error }, { emit }) => emit(given, { reason: error.message }),
      ...options,
      run,
    }),
  }).start()
}

/** How the one delivery stands: its state, and the error of each try. */
function fate(bench: Bench): [string | undefined, (string | null)[] | undefined] {
  const [delivery] = bench.deliveries('test.work')
  return [delivery?.state, delivery?.attempts.map(({ error }) => error)]
}

/** Claims what is ready as a process does that then dies, and makes it ready again. */
async function crash(bench: Bench): Promise<Delivery[]> {
  await bench.bus.exchange({ now: bench.clock.now(), renew: [], settle: [], claim: 10, leaseMs: 1000 })
  return bench.bus.reclaim('interrupted', bench.clock.now())
}

describe('a function that returns', () => {
  test('is done, and what it emitted is on the bus and told of', async () => {
    const bench = benchOf((_, { emit }) => {
      emit(done, { source: 'home' })
      emit(done, {})
    })
    await bench.emit(work, {})
    await bench.idle()
    expect(fate(bench)).toEqual(['done', [null]])
    expect(bench.bus.events({}).map(({ type, subject }) => [type, subject])).toEqual([
      ['test.work', 'var'],
      ['test.done', 'home'],
      ['test.done', 'var'],
    ])
    expect(bench.told).toEqual(bench.bus.events({}))
  })

  test('has received its event with the data parsed, and the trial that it belongs to', async () => {
    let received: Received<typeof work> | undefined
    const bench = benchOf((one) => {
      received = one
    })
    await bench.emit(work, {})
    await bench.idle()
    expect(received).toEqual({
      type: 'test.work',
      data: { source: 'var' },
      attempt: 1,
      event: bench.told[0],
      firstTry: true,
    })
  })

  test('knows whether it is tried for the first time, after it was redriven too', async () => {
    const seen: boolean[] = []
    const bench = benchOf(
      ({ firstTry }) => {
        seen.push(firstTry)
        throw new RetryableError('busy')
      },
      { retry: { limit: 2, minDelayMs: 10, maxDelayMs: 10 } },
    )
    await bench.emit(work, {})
    await bench.clock.advance(1000)
    const [letter] = bench.journal.dead()
    await bench.bus.redrive(letter?.id ?? 0)
    bench.dispatcher.wake()
    await bench.clock.advance(1000)
    expect(seen).toEqual([true, false, false, false])
  })

  test('took the time that the clock says', async () => {
    const gate = Promise.withResolvers<void>()
    const bench = benchOf(() => gate.promise)
    await bench.emit(work, {})
    const began = bench.clock.now()
    await bench.clock.advance(2500)
    gate.resolve()
    await bench.idle()
    expect(bench.deliveries('test.work')[0]?.attempts).toEqual([
      { number: 1, startedAt: began, endedAt: began + 2500, error: null },
    ])
  })
})

describe('a function that throws', () => {
  test('emits nothing, and is tried again after a pause', async () => {
    let tries = 0
    const bench = benchOf(
      (_, { emit }) => {
        tries += 1
        emit(done, {})
        if (tries === 1) throw new RetryableError('busy')
      },
      { retry: { minDelayMs: 1000, maxDelayMs: 1000 } },
    )
    await bench.emit(work, {})
    await bench.idle()
    expect(bench.types()).toEqual(['test.work'])
    await bench.clock.advance(999)
    expect(tries).toBe(1)
    await bench.clock.advance(1)
    expect(fate(bench)).toEqual(['done', ['busy', null]])
    expect(bench.types()).toEqual(['test.work', 'test.done'])
  })

  test('is given up when its tries are used up, with the last reason', async () => {
    let tries = 0
    const bench = benchOf(
      () => {
        throw new Error(`no ${++tries}`)
      },
      { retry: { limit: 3, minDelayMs: 10, maxDelayMs: 10 } },
    )
    await bench.emit(work, {})
    await bench.clock.advance(1000)
    expect(fate(bench)).toEqual(['dead', ['no 1', 'no 2', 'no 3']])
    expect(bench.told.at(-2)).toMatchObject({ type: 'test.given', data: { reason: 'no 3' } })
  })

  test('a TerminalError is given up at once', async () => {
    const bench = benchOf(() => {
      throw new TerminalError('no such volume')
    })
    await bench.emit(work, {})
    await bench.idle()
    expect(fate(bench)).toEqual(['dead', ['no such volume']])
    expect(bench.types()).toEqual(['test.work', 'test.given', 'dead.lettered'])
  })

  test('something that is no error is retried like one', async () => {
    const bench = benchOf(
      () => {
        throw 'a word'
      },
      { retry: { limit: 1 } },
    )
    await bench.emit(work, {})
    await bench.idle()
    expect(fate(bench)).toEqual(['dead', ['a word']])
  })
})

describe('emit()', () => {
  test('refuses an event that the function does not declare, and all that it emitted is void', async () => {
    const bench = benchOf((_, { emit }) => {
      emit(done, {})
      emit(next as never, {} as never)
    })
    await bench.emit(work, {})
    await bench.idle()
    expect(fate(bench)).toEqual(['dead', ['test.work emits test.next, which its `emits` does not name']])
    expect(bench.types()).toEqual(['test.work', 'test.given', 'dead.lettered'])
  })

  test('refuses data that does not fit its event', async () => {
    const bench = benchOf((_, { emit }) => emit(done, { source: 1 as never }))
    await bench.emit(work, {})
    await bench.idle()
    expect(fate(bench)).toEqual(['dead', [expect.stringMatching(/^the data of test\.done does not fit/)]])
  })

  test('passes on the trial and the delay', async () => {
    const bench = benchOf((_, { emit }) => emit(done, {}, { attempt: 3, delayMs: 70 }))
    await bench.emit(work, {})
    await bench.idle()
    expect(bench.told.at(-1)).toMatchObject({ type: 'test.done', attempt: 3 })
  })
})

describe('a function that takes too long', () => {
  test('is aborted, and given up at once', async () => {
    const bench = benchOf((_, { signal }) => aborted(signal), { timeout: '2m' })
    await bench.emit(work, {})
    await bench.clock.advance(119_999)
    expect(fate(bench)).toEqual(['claimed', []])
    await bench.clock.advance(1)
    expect(fate(bench)).toEqual(['dead', ['test.work took longer than 120 s']])
    expect(bench.types()).toEqual(['test.work', 'test.given', 'dead.lettered'])
  })

  test('is judged by its time and not by how it failed then', async () => {
    const bench = benchOf(
      async (_, { signal }) => {
        await aborted(signal).catch(() => {})
        throw new Error('rsync was killed')
      },
      { timeout: '1s' },
    )
    await bench.emit(work, {})
    await bench.clock.advance(1000)
    expect(fate(bench)).toEqual(['dead', ['test.work took longer than 1 s']])
  })
})

describe('a crash', () => {
  test('in every try leads to giving up, without one more', async () => {
    let runs = 0
    const definition = defineFunction({
      on: work,
      emits: [given],
      retry: { limit: 2 },
      run: () => {
        runs += 1
      },
      giveUp: ({ error }, { emit }) => emit(given, { reason: error.message }),
    })
    const bench = new Bench({ 'test.work': definition })
    await bench.emit(work, {})
    await crash(bench)
    await crash(bench)
    bench.start()
    await bench.idle()
    expect(runs).toBe(0)
    const reason = 'given up after 2 attempts'
    expect(fate(bench)).toEqual(['dead', ['interrupted', 'interrupted', reason]])
    expect(bench.told.at(-2)).toMatchObject({ type: 'test.given', data: { reason } })
  })

  test('fewer times than there are tries is forgiven', async () => {
    const bench = new Bench({
      'test.work': defineFunction({ on: work, emits: [], retry: { limit: 2 }, run() {} }),
    })
    await bench.emit(work, {})
    await crash(bench)
    bench.start()
    await bench.idle()
    expect(fate(bench)).toEqual(['done', ['interrupted', null]])
  })
})

describe('giving up', () => {
  test('may fail itself: both reasons are kept, and nothing is emitted but that it was given up', async () => {
    const bench = benchOf(
      () => {
        throw new TerminalError('first')
      },
      {
        giveUp: (_, { emit }) => {
          emit(given, { reason: 'half done' })
          throw new Error('second')
        },
      },
    )
    await bench.emit(work, {})
    await bench.idle()
    expect(fate(bench)).toEqual(['dead', ['first; then, when giving up: second']])
    expect(bench.types()).toEqual(['test.work', 'dead.lettered'])
  })

  test('is quiet for a function that has nothing to say', async () => {
    const run = () => {
      throw new TerminalError('no')
    }
    const bench = new Bench({ 'test.work': defineFunction({ on: work, emits: [], run }) }).start()
    await bench.emit(work, {})
    await bench.idle()
    expect(fate(bench)).toEqual(['dead', ['no']])
  })

  test('is what happens to data that does not fit its event any more', async () => {
    const bench = benchOf(() => {})
    const event = { ...(await firstEvent(bench)), id: 'old', data: { source: 4 } }
    await bench.dispatcher.publish([{ event, deliveries: [{ function: 'test.work', runAt: 0 }] }])
    await bench.idle()
    expect(bench.deliveries('test.work').at(-1)).toMatchObject({
      state: 'dead',
      attempts: [{ error: expect.stringContaining('the data of test.work old is not valid') }],
    })
  })
})

test('the log of events knows the run, earlier runs, and what else is still owed', async () => {
  const seen: unknown[] = []
  const bench = new Bench({
    'test.work': defineFunction({
      on: work,
      emits: [next],
      run(_, { events, emit }) {
        emit(next, {}, { delayMs: 1000 })
        const runs = (log: { event: Envelope }[]) => log.map(({ event }) => event.runid)
        seen.push({
          ofRun: runs(events.ofRun(work)),
          latest: runs(events.latest(work, 'var', 2)),
          latestOfNone: events.latest(work, 'home', 2),
          run: events.run().map(({ type }) => type),
          pending: events.pending(),
        })
      },
    }),
    'test.next': defineFunction({ on: next, emits: [], run() {} }),
    beside: defineFunction({ on: next, emits: [], aside: true, run() {} }),
  }).start()
  for (const run of ['run1', 'run2', 'run2']) {
    await bench.emit(work, {}, run)
    await bench.idle()
  }
  const nothing = { latestOfNone: [], pending: 0 }
  expect(seen).toEqual([
    { ...nothing, ofRun: ['run1'], latest: ['run1'], run: ['test.work'] },
    { ...nothing, ofRun: ['run2'], latest: ['run2', 'run1'], run: ['test.work'] },
    {
      ...nothing,
      ofRun: ['run2', 'run2'],
      latest: ['run2', 'run2'],
      run: ['test.work', 'test.next', 'test.work'],
      // What stands beside the chain does not count, nor does the one in hand.
      pending: 1,
    },
  ])
})

async function firstEvent(bench: Bench) {
  if (bench.bus.events({}).length === 0) await bench.emit(work, {})
  const [event] = bench.bus.events({ limit: 1 })
  if (!event) throw new Error('there is no event')
  return event
}

/** Waits as a command does: until it is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
}
