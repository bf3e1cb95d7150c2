import type { FunctionDefinition } from '../function.ts'

/**
 * hdsync's own functions by their names, if they need not be looked for in their folder: a build has them here.
 * @see deploy/build/built-in.ts
 */
export const builtIn: ReadonlyMap<string, FunctionDefinition> | undefined = undefined
