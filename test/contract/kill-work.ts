import { createHash } from 'node:crypto'
import { z } from 'zod'
import { defineEvent } from '../../events/define.ts'
import type { FunctionDefinition } from '../../runtime/core/function.ts'
import { defineFunction } from '../../runtime/core/function.ts'
import { TerminalError } from '../../runtime/errors.ts'

// Work that is killed in the middle: trees of events. `grow` lets each event have two more, to a depth of two;
// `count` notes each, in the order of its tree. How a delivery ends follows from its event, so that the tables
// can be checked afterwards.

const data = z.strictObject({
  /** `7.` is the root of tree 7, `7.0` and `7.1` are its children. */
  path: z.string(),
  /** The function that emitted it; none for a root. */
  by: z.string().default(''),
})

export const step = defineEvent('kill.step', data)
/** From a delivery to `count` that is done. */
export const noted = defineEvent('kill.noted', data, { external: true })
/** From a delivery that is given up. */
export const given = defineEvent('kill.given', data, { external: true })

/** The functions that a step is owed to. */
export const names = ['count', 'grow'] as const
type Name = (typeof names)[number]

/** Deliveries to `count` wait for those of the same tree. */
export const treeOf = (path: string): string => path.slice(0, path.indexOf('.'))

/** Where a delivery ends, whatever comes in between. */
export function endOf(path: string, name: string): 'done' | 'dead' {
  return dice(path, name) % 7 === 0 ? 'dead' : 'done'
}

/** Types of what a function emits for a step in this state. */
export function emittedIn(state: string, path: string, name: string): string[] {
  if (state === 'dead') return [given.type]
  if (state !== 'done') return []
  if (name === 'count') return [noted.type]
  return path.length - path.indexOf('.') < 3 ? [step.type, step.type] : []
}

/** The functions, for one life of a process. Some deliveries fail at their first try in each. */
export function functions(): Record<Name, FunctionDefinition> {
  const failed = new Set<string>()
  const meet = (path: string, name: Name) => {
    if (endOf(path, name) === 'dead') throw new TerminalError('no good')
    const once = `${path} ${name}`
    if (dice(path, name) % 4 !== 1 || failed.has(once)) return
    failed.add(once)
    throw new Error('not yet')
  }
  // A kill counts as a try, and is not to be what a delivery is given up for.
  const retry = { limit: 1000, minDelayMs: 1, maxDelayMs: 1 }
  return {
    count: defineFunction({
      on: step,
      emits: [noted, given],
      retry,
      concurrency: { key: ({ path }) => treeOf(path) },
      run({ data: { path } }, { emit }) {
        meet(path, 'count')
        emit(noted, { path, by: 'count' })
      },
      giveUp: ({ data: { path } }, { emit }) => emit(given, { path, by: 'count' }),
    }),
    grow: defineFunction({
      on: step,
      emits: [step, given],
      retry,
      run({ data: { path } }, { emit }) {
        meet(path, 'grow')
        for (const index of emittedIn('done', path, 'grow').keys()) {
          emit(step, { path: `${path}${index}`, by: 'grow' })
        }
      },
      giveUp: ({ data: { path } }, { emit }) => emit(given, { path, by: 'grow' }),
    }),
  }
}

function dice(path: string, name: string): number {
  return createHash('sha256').update(`${path} ${name}`).digest().readUInt32BE()
}
