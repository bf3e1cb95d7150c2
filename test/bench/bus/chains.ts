import { z } from 'zod'
import { defineEvent } from '../../../events/index.ts'
import { defineFunction } from '../../../runtime/backup/function.ts'
import { rootPublication } from '../../../runtime/core/publication.ts'
import { createRegistry, register } from '../../../runtime/core/registry/registry.ts'
import { countdown, openBare } from './bare.ts'

const hop = defineEvent('bench.hop', z.strictObject({ left: z.int() }))
const over = defineEvent('bench.over', z.strictObject({}), { external: true })

/** The real bus under the real dispatcher, and functions that do nothing but emit the next event. */
export interface Chains {
  /** So many hops, shared by chains that run at once. A hop is an event that is done, and the next one emitted and claimed. */
  hops(count: number, chains: number): Promise<void>
  /** Milliseconds from an event that is put on an idle bus to its function. */
  reach(): Promise<number>
  close(): Promise<void>
}

export function openChains(folder: string): Chains {
  let reached = () => {}
  let ended = () => {}
  const next = defineFunction({
    on: hop,
    emits: [hop, over],
    run({ data: { left } }, { emit }) {
      reached()
      if (left > 1) emit(hop, { left: left - 1 })
      else emit(over, {})
    },
  })
  const registry = createRegistry([register('hop', next)], new Map())
  const { dispatcher, close } = openBare(folder, registry, ({ type }) => {
    if (type === over.type) ended()
  })
  const publish = (left: number, chains: number) =>
    dispatcher.publish(
      Array.from({ length: chains }, () => rootPublication(registry, hop, { left }, { now: Date.now() })),
    )
  return {
    async hops(count, chains) {
      const down = countdown(chains)
      ended = down.ended
      await publish(Math.round(count / chains), chains)
      await down.all
    },
    async reach() {
      const arrived = Promise.withResolvers<number>()
      const all = Promise.withResolvers<void>()
      reached = () => arrived.resolve(performance.now())
      ended = all.resolve
      const startedAt = performance.now()
      await publish(1, 1)
      const tookMs = (await arrived.promise) - startedAt
      reached = () => {}
      // What it leaves behind is not counted with the next one.
      await all.promise
      return tookMs
    },
    close,
  }
}
