import type { EventDefinition } from '../../../../events/index.ts'
import { defineFunction } from '../../../../runtime/backup/function.ts'
import type { EventBus } from '../../../../runtime/core/bus/bus.ts'
import { turns } from '../../manual-clock.ts'
import type { Bench } from './bench.ts'
import { done, given, work } from './events.ts'

/** One of the events that are handled here; they all carry the same. */
export type Wish = EventDefinition<string, (typeof work)['schema']>

/** A function that waits at a gate, or until it is aborted. */
export function gated(on: Wish = work, options: { always?: boolean; aside?: boolean; keyed?: boolean } = {}) {
  const began: string[] = []
  const gate = Promise.withResolvers<void>()
  const { keyed, ...rest } = options
  const definition = defineFunction({
    on,
    emits: [done, given],
    ...rest,
    ...(keyed && { concurrency: { key: () => 'k' } }),
    async run({ data }, { emit, signal }) {
      began.push(data.source)
      await Promise.race([gate.promise, aborted(signal)])
      emit(done, data)
    },
    giveUp: ({ error }, { emit }) => emit(given, { reason: error.message }),
  })
  return { definition, began, open: () => gate.resolve() }
}

export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
}

export type Exchange = EventBus['exchange']

/** A bus of which `exchange` is another one. */
export function withExchange(bus: EventBus, exchange: (original: Exchange) => Exchange): EventBus {
  const other = exchange((turn) => bus.exchange(turn))
  return new Proxy(bus, {
    get(target, name) {
      const value = name === 'exchange' ? other : Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** A bus that answers some turns of the loop later, as one over a network does. */
export const slow = (bus: EventBus) =>
  withExchange(bus, (original) => async (turn) => {
    const answer = await original(turn)
    await turns(2)
    return answer
  })

export const states = (bench: Bench, name: string, run?: string) =>
  bench.deliveries(name, run).map(({ state }) => state)
