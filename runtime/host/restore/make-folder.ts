import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { machineRoot } from '../command/environment.ts'

/** Makes a folder, and those above it that are missing, also where a sandbox lets this process write nothing. Safe to repeat. */
export function makeFolder(path: string): void {
  mkdirSync(machineRoot() + realPathOf(path), { recursive: true, mode: 0o700 })
}

/** Without the links on the way, which would lead out of the machine's root. */
function realPathOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : join(realPathOf(dirname(path)), basename(path))
}
