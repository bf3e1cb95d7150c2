import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
/** Where `npm test` has put a build: it is what users run, and starts in half the time. A file that is run alone starts the sources. */
const build = process.env.HDSYNC_TEST_BUILD

/** hdsync, as Node is told to start it. */
export const main = build ? join(build, 'runtime/cli/main.js') : join(root, 'runtime/cli/main.ts')
/** hdsync, as a shell starts it. */
export const program = build ? join(build, 'bin/hdsync') : join(root, 'deploy/bin/hdsync')

/** For an sshd: it hands on nothing of its own environment, and what Node has compiled is to be found again. */
export const compileCache = process.env.NODE_COMPILE_CACHE
  ? `NODE_COMPILE_CACHE=${process.env.NODE_COMPILE_CACHE}`
  : ''
