/**
 * What a function of one's own imports: `import { defineFunction, runFailed } from 'hdsync'`. Everything that
 * hdsync's own functions have, in one place.
 */
export { z } from 'zod'
export * from '../events/index.ts'
export * from './function.ts'
