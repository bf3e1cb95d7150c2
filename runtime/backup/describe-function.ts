import type { RegisteredFunction, Registry } from '../core/registry/registry.ts'
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
  builtIn: boolean
  file: string
  /** Why it is left out. */
  error?: string
}

/** All functions, those that are left out among them. */
export function describeFunctions({
  functions,
  failures,
}: Pick<Registry, 'functions' | 'failures'>): FunctionDescription[] {
  const leftOut = failures.map(({ name, file, on = [], line, column = 1, message }) => ({
    name,
    on: [...on],
    emits: [],
    timeoutMs: 0,
    tries: 0,
    builtIn: false,
    file,
    error: line === undefined ? message : `line ${line}, column ${column}: ${message}`,
  }))
  return [...functions.filter(({ isAbsent }) => !isAbsent).map(describeFunction), ...leftOut]
}

function describeFunction({
  name,
  file,
  definition,
  timeoutMs,
  retry,
  guest,
  schedule,
}: RegisteredFunction): FunctionDescription {
  const next = schedule?.nextAfter(Date.now())
  const types = (events: typeof definition.on) => events.map(({ type }) => type)
  return {
    name,
    on: types(definition.on),
    emits: types(definition.emits),
    timeoutMs,
    tries: retry.limit,
    ...(schedule && { schedule: schedule.text }),
    ...(next !== undefined && { next: isoOf(next) }),
    builtIn: !guest,
    file,
  }
}
