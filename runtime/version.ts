import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { appRoot } from './app-root.ts'

/** The version of hdsync, as its package.json has it. */
export function version(): string {
  return JSON.parse(readFileSync(join(appRoot, 'package.json'), 'utf8')).version
}
