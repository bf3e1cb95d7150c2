import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const prefix = join(tmpdir(), 'hdsync-lab-')
const scratch = new Set<string>()

process.once('exit', () => {
  for (const dir of scratch) rmSync(dir, { recursive: true, force: true })
})

/** Makes an empty folder that goes when this process ends; or at the next call, if it was killed. */
export function scratchFolder(): string {
  sweep()
  const dir = mkdtempSync(`${prefix}${process.pid}-`)
  scratch.add(dir)
  return dir
}

/** Removes the folders of processes that are gone: vitest kills its workers, which then remove nothing themselves. */
export function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = /^hdsync-lab-(\d+)-/.exec(name)?.[1]
    if (!owner || existsSync(`/proc/${owner}`)) continue
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
    } catch {
      // Another user's.
    }
  }
}
