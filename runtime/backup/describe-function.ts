import type { OnBusy, PutOff } from '../core/bus/bus.ts'
import type { Disabled } from '../core/registry/disabled.ts'
import { putOffOf } from '../core/registry/order.ts'
import { isDisabled, type RegisteredFunction, type Registry } from '../core/registry/registry.ts'
import { isoOf } from '../instant.ts'

/** A function as `functions --json` and `GET /functions` show it. */
export interface FunctionDescription {
  name: string
  /** Types of the events that it takes. */
  on: string[]
  emits: string[]
  timeoutMs: number
  /** Attempts in all, the first included. */
  tries: number
  /** When it has its turn without any event, and when that is next. */
  schedule?: string
  next?: string
  /** How many deliveries of one key are handled at once, and what becomes of more, where the function says so. */
  concurrency?: { limit?: number; onBusy?: OnBusy }
  /** How long no further event must have come, and how long it is waited for that at most. */
  debounce?: PutOff
  builtIn: boolean
  file: string
  /** Why it is left out. */
  error?: string
  /** It is not called until it is enabled again; omitted otherwise. */
  disabled?: true
}

/** All functions, those that are left out among them. */
export function describeFunctions({
  functions,
  failures,
  disabled,
}: Pick<Registry, 'functions' | 'failures' | 'disabled'>): FunctionDescription[] {
  const leftOut = failures.map(({ name, file, on = [], line, column = 1, message }) => ({
    name,
    on: [...on],
    emits: [],
    timeoutMs: 0,
    tries: 0,
    builtIn: false,
    file,
    error: line === undefined ? message : `line ${line}, column ${column}: ${message}`,
    ...(disabled.has(name) && { disabled: true as const }),
  }))
  const present = functions.filter(({ isAbsent }) => !isAbsent)
  return [...present.map((one) => describeFunction(one, disabled)), ...leftOut]
}

function describeFunction(one: RegisteredFunction, disabled: Disabled): FunctionDescription {
  const { name, file, definition, timeoutMs, retry, guest, schedule } = one
  const isOff = isDisabled(one, disabled)
  const next = isOff ? undefined : schedule?.nextAfter(Date.now())
  const { limit, onBusy } = definition.spec.concurrency ?? {}
  const { debounce } = definition.spec
  const putOff = debounce === undefined ? undefined : putOffOf(debounce)
  const types = (events: typeof definition.on) => events.map(({ type }) => type)
  return {
    name,
    on: types(definition.on),
    emits: types(definition.emits),
    timeoutMs,
    tries: retry.limit,
    ...((limit !== undefined || onBusy !== undefined) && {
      concurrency: { ...(limit !== undefined && { limit }), ...(onBusy !== undefined && { onBusy }) },
    }),
    ...(putOff && { debounce: putOff }),
    ...(schedule && { schedule: schedule.text }),
    ...(next !== undefined && { next: isoOf(next) }),
    builtIn: !guest,
    file,
    ...(isOff && { disabled: true as const }),
  }
}
