import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Engine } from '../../../../../runtime/backup/engine.ts'
import { quiet } from '../../../../../runtime/cli/daemon/quiet.ts'

/** An engine with a hook in hand that does not end by itself. */
function engineWithHook() {
  const done: string[] = []
  const dispatcher = {
    failed: undefined as Error | undefined,
    holdGuests() {},
    inHand: 1,
    idle: () => (dispatcher.failed ? Promise.resolve() : new Promise<void>(() => {})),
    async abandon(reason: Error) {
      done.push(reason.message)
      dispatcher.inHand = 0
    },
  }
  const idle = { current: () => undefined, isLent: () => false }
  const engine = { dispatcher, hold: () => done.push('hold'), ...idle }
  return { engine: engine as unknown as Engine, dispatcher, done }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('quiet()', () => {
  test('waits for a hook, however long it takes, while nobody waits for a run', async () => {
    vi.useFakeTimers()
    const { engine, dispatcher, done } = engineWithHook()
    const ended = quiet(engine)
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(done).toEqual(['hold'])
    dispatcher.inHand = 0
    await vi.advanceTimersByTimeAsync(1000)
    await ended
  })

  test('gives a hook a moment when somebody waits', async () => {
    vi.useFakeTimers()
    const { engine, done } = engineWithHook()
    let isUrgent = false
    const ended = quiet(engine, { isUrgent: () => isUrgent })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(done).toEqual(['hold'])
    isUrgent = true
    await vi.advanceTimersByTimeAsync(6000)
    await ended
    expect(done).toEqual(['hold', 'a run was to begin with another config'])
  })

  test('ends when the store has failed, as nothing in hand will be recorded any more', async () => {
    const { engine, dispatcher } = engineWithHook()
    dispatcher.failed = new Error('disk full')
    await quiet(engine)
  })
})
