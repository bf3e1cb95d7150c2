import { expect, test } from 'vitest'
import { readersEndAfterMs } from '../../../../../../runtime/backup/engine/when-due.ts'
import { Readers } from '../../../../../../runtime/cli/daemon/users/readers.ts'

/** An engine that lends its turn, and a clock that is moved by hand. */
function make() {
  const state = {
    current: undefined as string | undefined,
    held: undefined as string | undefined,
    lent: 0,
    now: 0,
  }
  const timers = new Set<{ at: number; call: () => void }>()
  const engine = {
    bus: { heldRun: () => state.held },
    current: () => state.current,
    isLent: () => state.lent > 0,
    async lend() {
      state.lent += 1
      return () => {
        state.lent -= 1
      }
    },
  }
  const clock = {
    now: () => state.now,
    schedule(delayMs: number, call: () => void) {
      const timer = { at: state.now + delayMs, call }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
  }
  function pass(ms: number) {
    for (const until = state.now + ms; state.now < until; ) {
      state.now += 1000
      for (const timer of [...timers]) if (timer.at <= state.now && timers.delete(timer)) timer.call()
    }
  }
  return { state, pass, readers: new Readers(engine as never, clock as never) }
}

test('users read together, and the last of them gives the turn back', async () => {
  const { state, readers } = make()
  const [one, other] = await Promise.all([readers.enter(), readers.enter()])
  expect(state.lent).toBe(1)
  one.leave()
  one.leave()
  expect(state.lent).toBe(1)
  other.leave()
  expect(state.lent).toBe(0)
  ;(await readers.enter()).leave()
  expect(state.lent).toBe(0)
})

test('nobody reads while a run is going on, waits, or others read', async () => {
  const { state, readers } = make()
  for (const going of [{ current: 'run' }, { held: 'run' }, { lent: 1 }]) {
    Object.assign(state, going)
    await expect(readers.enter()).rejects.toThrow('ask again later')
    Object.assign(state, { current: undefined, held: undefined, lent: 0 })
  }
  ;(await readers.enter()).leave()
})

test('a run that has waited for a minute ends what users read', async () => {
  const { state, pass, readers } = make()
  const { signal, leave } = await readers.enter()
  pass(600_000)
  expect(signal.aborted).toBe(false)
  state.held = 'run'
  pass(readersEndAfterMs + 2000)
  expect(signal.aborted).toBe(true)
  leave()
  expect(state.lent).toBe(0)
})

test('while a run waits, and until those whom it has ended have left, nobody joins them', async () => {
  const { state, pass, readers } = make()
  const first = await readers.enter()
  state.held = 'run'
  await expect(readers.enter()).rejects.toThrow('ask again later')
  pass(readersEndAfterMs + 2000)
  expect(first.signal.aborted).toBe(true)
  // Taken back; but what was borrowed is watched no more.
  state.held = undefined
  await expect(readers.enter()).rejects.toThrow('ask again later')
  first.leave()
  expect(state.lent).toBe(0)

  const next = await readers.enter()
  state.held = 'run'
  await expect(readers.enter()).rejects.toThrow('ask again later')
  pass(readersEndAfterMs + 2000)
  expect(next.signal.aborted).toBe(true)
  next.leave()
  expect(state.lent).toBe(0)
})
