import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const scratch = new Set<string>()

process.once('exit', () => {
  for (const dir of scratch) rmSync(dir, { recursive: true, force: true })
})

/** Makes an empty folder that goes when this process ends. */
export function scratchFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'hdsync-lab-'))
  scratch.add(dir)
  return dir
}

/**
 * A folder that stays, for what is costly to make.
 * @throws When somebody else made it: what is in there is executed as root, if only in the lab.
 */
export function cacheFolder(name: string): string {
  const own = join(tmpdir(), `hdsync-lab-cache-${process.getuid?.()}`)
  mkdirSync(join(own, name), { recursive: true, mode: 0o700 })
  const { uid } = lstatSync(own)
  if (uid !== process.getuid?.()) throw new Error(`${own} belongs to user ${uid}: remove it`)
  chmodSync(own, 0o700)
  return join(own, name)
}
