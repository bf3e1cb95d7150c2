import type { FunctionDefinition } from '../core/function.ts'

/**
 * hdsync's own functions by their files (`backup/sync.run`, from their folder, without an extension), if they need not be
 * looked for there: a build has them here.
 * @see deploy/build/built-in.ts
 */
export const builtIn: ReadonlyMap<string, FunctionDefinition> | undefined = undefined
