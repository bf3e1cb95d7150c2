import { rmSync, writeFileSync } from 'node:fs'
import { lstat, realpath, stat } from 'node:fs/promises'
import { Bytes, type Kept, missing, type Names } from './names.ts'
import { listLine } from './rsync-argv.ts'
import { batches, eachName, type Sides } from './suspects.ts'
import type { Facts, Walk } from './walk.ts'

const slash = '/'.charCodeAt(0)
const blank = ' '.charCodeAt(0)
/** What rsync takes of a line of a list, NUL included: it cuts off the rest, and passes over what has no such name. */
const longestLine = 4096
/** With fewer than that, it does not matter. */
const leastForAll = 1000

/** Both complete, with their facts and the names of what has changed. */
export interface Walks {
  mirror: Walk
  source: Walk
  /** When the last copy was done: what has changed in the mirror before was changed by that. */
  copiedMs: number
  /** Of some entries of the source the names, without types, each ended by a NUL; undefined where those are too many. */
  namesOf(entries: Names): Promise<Uint8Array | undefined>
}

/**
 * Writes a list of all that a copy can have to do with: whatever has changed on either side since the last copy, and what the
 * source has otherwise than the mirror although it has not changed, as what is excluded or was moved with its folder. Of a
 * folder that has changed, what is directly in it is looked at as well: what it has lost is deleted then.
 * @param file The list, for `SyncPlan.listed`; it is not made where there is nothing to list.
 * @returns The list; undefined where there is none, or no room for it, or one would not do.
 */
export async function listChanged(
  { mirror, source, copiedMs, namesOf }: Walks,
  { from, to }: Sides,
  file: string,
): Promise<string | undefined> {
  if (!isAllNamed(source) || !isAllNamed(mirror)) return undefined
  if (await mayHaveMoved(source, { from, to })) return undefined
  if (await mayHaveMoved(mirror, { from: to, to: from }, copiedMs)) return undefined
  const others = missing(missing(source.facts.entries, mirror.facts.entries), source.facts.changed)
  const namesOfOthers = others.length > 0 ? await namesOf(others) : new Uint8Array()
  const root = (await realpath(from)).replace(/\/$/, '')
  if (!namesOfOthers || countOf(namesOfOthers) !== others.length) return undefined
  if (await haveOtherNames(namesOfOthers, root)) return undefined
  const { dev } = await stat(from)
  const list = new Bytes()
  let [lines, longest] = [0, 0]
  const add = (name: Buffer, isWithin: boolean) => {
    const line = listed(name, isWithin)
    longest = Math.max(longest, line.length)
    list.add(line)
    lines += 1
  }
  for (const { name, device } of changedNames(source)) add(name, device === dev)
  for (const { name } of changedNames(mirror)) {
    const device = await realDevice(name, root)
    if (device !== undefined) add(name, device === dev)
  }
  for (const name of eachName(namesOfOthers)) add(name, true)
  if (longest === 0 || longest > longestLine || isTooMuch(lines, source)) return undefined
  try {
    writeFileSync(file, list.end() ?? '', { mode: 0o600 })
  } catch {
    rmSync(file, { force: true })
    return undefined
  }
  return file
}

/** A name on a list takes rsync three times as long as one that it finds by itself. */
function isTooMuch(lines: number, { names }: Walk): boolean {
  return lines > leastForAll && lines * 4 > names.length
}

interface Changed {
  name: Buffer
  /** The number of its file system. */
  device: number
}

/** A walk that has told what has changed, and named all of it. */
type Named = Walk & { facts: Facts; kept: Kept & { changed: Uint8Array } }

function isAllNamed(walk: Walk): walk is Named {
  const { facts, kept } = walk
  return facts !== undefined && kept?.changed !== undefined && countOf(kept.changed) === facts.changed.length
}

function countOf(names: Uint8Array): number {
  let count = 0
  for (let at = names.indexOf(0); at >= 0; at = names.indexOf(0, at + 1)) count += 1
  return count
}

function* changedNames({ kept }: Named): Generator<Changed> {
  for (const line of eachName(kept.changed)) {
    const at = line.indexOf(blank)
    yield { device: Number(line.toString('latin1', 0, at)), name: line.subarray(at + 1) }
  }
}

/**
 * A name as rsync is to read it. What is of another file system is mounted there, and a folder of that has nothing in it, as
 * `--one-file-system` has it: rsync takes each name of a list for the beginning of a file system of its own.
 */
function listed(name: Buffer, isWithin: boolean): Buffer {
  return listLine(isWithin && name.length > 1 ? name : withoutSlash(name))
}

/**
 * Whether a folder may have been moved to where the other side has one, too: what is further down in it may be otherwise in what
 * facts do not tell, as access lists, hard links and what it does not have. To be moved changes its ctime, but not its mtime.
 */
async function mayHaveMoved(changed: Named, { from, to }: Sides, sinceMs = 0): Promise<boolean> {
  const folders: Buffer[] = []
  for (const { name } of changedNames(changed)) if (isNamedFolder(name)) folders.push(name)
  const names = new Set(folders.map((name) => name.toString('latin1')))
  for (const name of folders) {
    const above = name.subarray(0, name.lastIndexOf(slash, -2) + 1).toString('latin1')
    if (name.length === 1 || !names.has(above || '/')) continue
    const [here, there] = await Promise.all(
      [from, to].map((root) => lstat(pathOf(name, root)).catch(() => undefined)),
    )
    if (there?.isDirectory() && here && here.ctimeMs !== here.mtimeMs && here.ctimeMs > sinceMs) return true
  }
  return false
}

/** Whether any of some names is of a file that has others, too: they would become two files, as those are not listed. */
async function haveOtherNames(names: Uint8Array | undefined, root: string): Promise<boolean> {
  for (const batch of batches(names ?? new Uint8Array())) {
    const all = await Promise.all(batch.map((name) => lstat(pathOf(name, root)).catch(() => undefined)))
    if (all.some((stats) => stats && !stats.isDirectory() && stats.nlink > 1)) return true
  }
  return false
}

/** The file system of a name that is there as what it is called, a folder or something else, with no link above it. */
async function realDevice(name: Buffer, root: string): Promise<number | undefined> {
  const path = pathOf(name, root)
  const above = path.subarray(0, Math.max(path.lastIndexOf(slash), 1))
  try {
    const stats = await lstat(path)
    const isSo = stats.isDirectory() === isNamedFolder(name)
    return isSo && (await realpath(above, 'buffer')).equals(above) ? stats.dev : undefined
  } catch {
    return undefined
  }
}

function isNamedFolder(name: Buffer): boolean {
  return name.at(-1) === slash
}

function withoutSlash(name: Buffer): Buffer {
  return isNamedFolder(name) ? name.subarray(0, -1) : name
}

function pathOf(name: Buffer, root: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), withoutSlash(name)])
}
