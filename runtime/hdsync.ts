/**
 * What a function of one's own imports: `import { defineFunction, runFailed } from 'hdsync'`. Everything that
 * hdsync's own functions have, in one place. package.json beside it gives it that name, in a checkout and in a build.
 */
export { z } from 'zod'
export * from '../events/index.ts'
export * from './function.ts'
