import { parseDuration } from '../../units.ts'
import { type NewDelivery, type PutOff, unknownKey } from '../bus/bus.ts'
import type { FunctionDefinition } from '../function.ts'

/** What orders a delivery among those of the same function. */
export type Order = Pick<NewDelivery, 'key' | 'keyLimit' | 'onBusy' | 'putOff'>

/** The key of all deliveries to a function that has a `debounce` and no key of its own: it finds them, and orders nothing. */
const noKey = '(any)'
const noLimit = 1_000_000

/** Unless a function says how long it is put off at most. */
const longestWaits = 10

/** What orders a delivery. Where the key is still to be computed, the rest comes with it. */
export function orderOf(definition: FunctionDefinition | undefined, data: unknown, runId = ''): Order {
  const key = definition?.spec.concurrency?.key(data as never, { id: runId })
  return key === unknownKey ? { key } : orderUnder(definition, key)
}

/** What orders a delivery whose key is known; undefined where its function has none. */
export function orderUnder(definition: FunctionDefinition | undefined, key: string | undefined): Order {
  const { concurrency: { limit, onBusy } = {}, debounce } = definition?.spec ?? {}
  const putOff = debounce === undefined ? undefined : putOffOf(debounce)
  if (key === undefined) return putOff ? { key: noKey, keyLimit: noLimit, putOff } : {}
  return {
    key,
    ...(limit !== undefined && { keyLimit: limit }),
    ...(onBusy !== undefined && onBusy !== 'wait' && { onBusy }),
    ...(putOff && { putOff }),
  }
}

/**
 * Reads a `debounce`.
 * @returns undefined where it is not made of durations, or its longest is shorter than its wait.
 */
export function putOffOf(debounce: NonNullable<FunctionDefinition['spec']['debounce']>): PutOff | undefined {
  const { wait, longest } = typeof debounce === 'string' ? { wait: debounce } : debounce
  const waitMs = msOf(wait)
  const longestMs = longest === undefined ? waitMs * longestWaits : msOf(longest)
  return waitMs > 0 && longestMs >= waitMs ? { waitMs, longestMs } : undefined
}

function msOf(text: unknown): number {
  return typeof text === 'string' ? (parseDuration(text) ?? Number.NaN) : Number.NaN
}
