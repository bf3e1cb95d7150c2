import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { defineEvent } from '../../../events/index.ts'
import { defineFunction } from '../../../runtime/backup/function.ts'
import { ownFile } from '../../../runtime/backup/guests/provided-modules.ts'
import { type Guests, loadGuests } from '../../../runtime/core/guests/guests.ts'
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

export function openChains(folder: string, guests?: Guests): Chains {
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
  const registry = createRegistry(guests?.functions ?? [register('hop', next)], new Map())
  const hopNow = registry.event(hop.type) as typeof hop
  const { dispatcher, close } = openBare(folder, registry, ({ type }) => {
    if (type === over.type) ended()
  })
  const publish = (left: number, chains: number) =>
    dispatcher.publish(
      Array.from({ length: chains }, () => rootPublication(registry, hopNow, { left }, { now: Date.now() })),
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
    async close() {
      await close()
      guests?.close()
    },
  }
}

/** The same function as one of a user's, in its process. */
export async function openGuestChains(folder: string): Promise<Chains> {
  const functions = join(folder, 'functions')
  mkdirSync(functions, { recursive: true })
  writeFileSync(
    join(functions, 'hop.ts'),
    `import { defineEvent, defineFunction, z } from 'hdsync'
    const hop = defineEvent('bench.hop', z.strictObject({ left: z.int() }))
    const over = defineEvent('bench.over', z.strictObject({}), { external: true })
    export default defineFunction({
      on: hop,
      emits: [hop, over],
      run({ data: { left } }, { emit }) {
        if (left > 1) emit(hop, { left: left - 1 })
        else emit(over, {})
      },
    })`,
    { mode: 0o600 },
  )
  const guests = await loadGuests(functions, [], new Map(), {
    entry: ownFile('backup/guests/main'),
    memoryBytes: 2 ** 30,
    warn: () => {},
  })
  return openChains(folder, guests)
}
