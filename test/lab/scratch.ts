import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

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

/** vitest ends its workers with a signal: they do not come to clean up after themselves. */
function sweep(): void {
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

/**
 * A folder that stays, for what is costly to make.
 * @throws When somebody else made it: what is in there is executed as root, if only in the lab.
 */
export function cacheFolder(name: string): string {
  const own = `${prefix}cache-${process.getuid?.()}`
  mkdirSync(join(own, name), { recursive: true, mode: 0o700 })
  const { uid } = lstatSync(own)
  if (uid !== process.getuid?.()) throw new Error(`${own} belongs to user ${uid}: remove it`)
  chmodSync(own, 0o700)
  return join(own, name)
}

/**
 * Notes that something in a cache is of use, and removes what has not been for longest, but for so many of them. Another
 * checkout may be using its own.
 * @param path What was found or made.
 * @param name The names of things that are whole.
 */
export function keepInCache(path: string, name: RegExp, kept: number): void {
  utimesSync(path, new Date(), new Date())
  const folder = dirname(path)
  const found = readdirSync(folder)
    .filter((one) => name.test(one))
    .map((one) => join(folder, one))
  // Somebody else may be removing the same ones.
  const usedAt = (one: string) => statSync(one, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const newestFirst = found.sort((a, b) => usedAt(b) - usedAt(a))
  for (const old of newestFirst.slice(kept)) rmSync(old, { recursive: true, force: true })
}
