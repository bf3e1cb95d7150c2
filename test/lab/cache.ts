import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { link, mkdtemp, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** Something that is costly to make and is kept from one run of the tests to the next. */
export interface Kept {
  /** A folder of the cache for things of one kind. */
  kind: string
  /** Hex digits that stand for all that goes into it. */
  key: string
  /** How many of a kind are kept, those used last. */
  kept: number
  /** Fills an empty folder. */
  make: (folder: string) => Promise<void>
}

/** The manifest of an entry. An entry without one is not whole. */
const manifest = '.whole'
/** Larger files are checked by size and time: their digest takes seconds. */
const digestLimitBytes = 96 * 2 ** 20
/** What was used this recently is not removed: a machine of another checkout may be starting from it. */
const recentMs = 3_600_000

/**
 * Finds something in the cache, or makes it. An entry is made in a folder beside it, listed in a manifest and renamed;
 * each use checks the files at its top by the manifest, and what does not match is made again. Processes that want the
 * same entry at once wait for the first of them.
 * @returns The folder of the entry. Nobody writes to it.
 */
export async function fromCache({ kind, key, kept, make }: Kept): Promise<string> {
  const folder = cacheFolder(kind)
  const entry = join(folder, key)
  if (!(await isWhole(entry))) {
    const unlock = await lock(entry)
    try {
      if (!(await isWhole(entry))) await publish(entry, make)
    } finally {
      await unlock()
    }
  }
  await utimes(entry, new Date(), new Date())
  removeOld(folder, kept)
  return entry
}

/** Makes an entry whose lock the caller holds. */
export async function publish(entry: string, make: (folder: string) => Promise<void>): Promise<void> {
  const staged = await mkdtemp(`${entry}.${process.pid}-`)
  try {
    await make(staged)
    await writeFile(join(staged, manifest), JSON.stringify(await listed(staged)))
    await rm(entry, { recursive: true, force: true })
    await rename(staged, entry)
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}

/** Whether an entry is there, and its files are those of its manifest. */
export async function isWhole(entry: string): Promise<boolean> {
  try {
    const told: unknown = JSON.parse(await readFile(join(entry, manifest), 'utf8'))
    return JSON.stringify(told) === JSON.stringify(await listed(entry))
  } catch {
    return false
  }
}

/**
 * Waits until no other living process holds the lock of an entry, and takes it. It saves work, and protects nothing: two
 * that make the same entry at once each publish a whole one.
 * @returns What gives it back.
 */
export async function lock(entry: string): Promise<() => Promise<void>> {
  for (;;) {
    const unlock = await tryLock(entry)
    if (unlock) return unlock
    await pause(200)
  }
}

/** Takes the lock of an entry, unless another living process holds it. */
export async function tryLock(entry: string): Promise<(() => Promise<void>) | undefined> {
  const path = `${entry}.lock`
  return (await taken(path)) ? () => rm(path, { force: true }) : undefined
}

async function taken(path: string): Promise<boolean> {
  // Written beside and linked into place: a lock file always names its holder.
  const own = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}`
  await writeFile(own, `${process.pid}`)
  try {
    await link(own, path)
    return true
  } catch {
    const holder = await readFile(path, 'utf8').catch(() => `${process.pid}`)
    if (!existsSync(`/proc/${holder}`)) await rename(path, own).catch(() => {})
    return false
  } finally {
    await rm(own, { force: true })
  }
}

/** Size, and digest or time of change, of the files at the top of a folder. */
async function listed(folder: string): Promise<[name: string, size: number, content: string][]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter((one) => one.isFile() && one.name !== manifest).map((one) => one.name)
  return Promise.all(
    names.sort().map(async (name): Promise<[string, number, string]> => {
      const path = join(folder, name)
      const { size, mtimeMs } = await stat(path)
      return [name, size, size > digestLimitBytes ? `${mtimeMs}` : await digest(path)]
    }),
  )
}

async function digest(path: string): Promise<string> {
  const file = await open(path)
  try {
    const hash = createHash('sha256')
    for await (const part of file.createReadStream({ autoClose: false })) hash.update(part)
    return hash.digest('hex')
  } finally {
    await file.close()
  }
}

/** Where all that is cached lies. */
export function cacheRoot(): string {
  return join(tmpdir(), `hdsync-lab-cache-${process.getuid?.()}`)
}

/**
 * A folder that stays, for things of one kind.
 * @throws When somebody else made it: what is in there is executed as root, if only in the lab.
 */
export function cacheFolder(kind: string): string {
  const own = cacheRoot()
  mkdirSync(join(own, kind), { recursive: true, mode: 0o700 })
  const { uid } = lstatSync(own)
  if (uid !== process.getuid?.()) throw new Error(`${own} belongs to user ${uid}: remove it`)
  chmodSync(own, 0o700)
  return join(own, kind)
}

/** Removes the entries used least recently, and what killed processes and earlier versions of this file left. */
function removeOld(folder: string, kept: number): void {
  const usedAt = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const newestFirst = readdirSync(folder).sort((a, b) => usedAt(b) - usedAt(a))
  const entries = newestFirst.filter((name) => /^[0-9a-f]+$/.test(name))
  const old = entries.slice(kept).filter((name) => usedAt(name) < Date.now() - recentMs)
  const left = newestFirst.filter((name) => !entries.includes(name) && isLeft(join(folder, name)))
  for (const name of [...old, ...left]) rmSync(join(folder, name), { recursive: true, force: true })
}

/** Whether a path that is no entry has nobody who works on it. */
function isLeft(path: string): boolean {
  const owner = path.endsWith('.lock') ? textOf(path) : /\.(\d+)-\w+$/.exec(basename(path))?.[1]
  if (owner) return !existsSync(`/proc/${owner}`)
  return (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < Date.now() - recentMs
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/**
 * Removes files that have not been written for so long, for caches that others keep (Node's compile cache).
 * @param folder Of the cache, or below it.
 */
export function removeOlder(folder: string, days: number): void {
  for (const one of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(one.parentPath, one.name)
    if (
      one.isFile() &&
      (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) < Date.now() - days * 86_400_000
    )
      rmSync(path, { force: true })
  }
}

/** A key: stands for the words and the contents of the files. */
export function keyOf(words: readonly string[], files: readonly string[] = []): string {
  const hash = createHash('sha256').update(words.join('\0'))
  for (const file of files) hash.update(`\0${basename(file)}\0`).update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}
