import type { FunctionDefinition } from '../../function.ts'

/**
 * hdsync's own functions by their names, if they need not be looked for in their folder. A build has them here, in one
 * file with the engine: to find, read and link seventeen takes longer than all that a run needs to begin.
 * @see deploy/build/built-in.ts
 */
export const builtIn: ReadonlyMap<string, FunctionDefinition> | undefined = undefined
