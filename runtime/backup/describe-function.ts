import type { RegisteredFunction } from '../core/registry/registry.ts'
import { ownFunctions } from './load-functions.ts'

/** A function as `functions --json` and `GET /functions` show it. */
export interface FunctionDescription {
  name: string
  /** Types of the events that it takes. */
  on: string[]
  emits: string[]
  timeoutMs: number
  /** Attempts in all, the first included. */
  tries: number
  builtIn: boolean
  file: string
}

export function describeFunction({
  name,
  file,
  definition,
  timeoutMs,
  retry,
}: RegisteredFunction): FunctionDescription {
  const types = (events: typeof definition.on) => events.map(({ type }) => type)
  return {
    name,
    on: types(definition.on),
    emits: types(definition.emits),
    timeoutMs,
    tries: retry.limit,
    builtIn: file.startsWith(`${ownFunctions}/`),
    file,
  }
}
