import { createHash } from 'node:crypto'
import { type BigIntStats, lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What functions are made of: code in their folder, and the files that they import from elsewhere. */
export interface Footprint {
  /** Changes whenever a file may have: sizes, times, owners. It costs a stat(2) for each file. */
  stamp: string
  /** Changes only with what the files say, who owns them, and who may write them. Reads them all. */
  digest(): string
}

interface Entry {
  path: string
  stats: BigIntStats | undefined
  /** What a symbolic link leads to in the end. */
  target?: string | undefined
}

/**
 * Looks at a folder of functions and at files that were imported. Never throws: what cannot be read counts as such.
 * @param imported Every file that was loaded, wherever it lies.
 */
export function footprintOf(folder: string, imported: readonly string[]): Footprint {
  const entries = new Map<string, Entry>()
  const root = realPath(folder) ?? folder
  for (const path of walk(root)) entries.set(path, entryOf(path))
  for (const path of imported) entries.set(path, entryOf(path))
  const above = [...new Set([root, ...entries.keys()].flatMap(foldersAbove))].sort().map(entryOf)
  const all = [...entries.values()]
  // Files come and go beside the folders above; who may write there is what counts.
  const places = above.map(({ path, stats }) => [path, permissionsOf(stats)])
  return {
    stamp: hash([root, places, all.map(({ path, stats, target }) => [path, target, timesOf(stats)])]),
    digest: () => hash([root, places, all.map(contentOf)]),
  }
}

/** Code, and what decides how it is read. Tests and types take no part. */
function isCode(name: string): boolean {
  return (/\.[cm]?[jt]s$/.test(name) && !/\.(test|d)\.[cm]?ts$/.test(name)) || name === 'package.json'
}

/** Of packages that are installed their names alone: what is loaded of them is known by name. */
function* walk(folder: string): Generator<string> {
  for (const entry of list(folder)) {
    const path = join(folder, entry.name)
    if (entry.name === 'node_modules') yield* list(path).map(({ name }) => join(path, name))
    else if (entry.name.startsWith('.')) continue
    else if (entry.isSymbolicLink() || (!entry.isDirectory() && isCode(entry.name))) yield path
    else if (entry.isDirectory()) yield* walk(path)
  }
}

function list(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch {
    return []
  }
}

function entryOf(path: string): Entry {
  const stats = statsOf(path)
  return { path, stats, ...(stats?.isSymbolicLink() && { target: realPath(path) }) }
}

function statsOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true })
  } catch {
    return undefined
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

function foldersAbove(path: string): string[] {
  const above: string[] = []
  for (let folder = dirname(path); !above.includes(folder); folder = dirname(folder)) above.push(folder)
  return above
}

function permissionsOf(stats: BigIntStats | undefined) {
  return stats && [String(stats.mode), String(stats.uid)]
}

function timesOf(stats: BigIntStats | undefined) {
  if (!stats) return undefined
  const { ino, size, mtimeNs, ctimeNs, mode, uid } = stats
  return [ino, size, mtimeNs, ctimeNs, mode, uid].map(String)
}

function contentOf({ path, stats, target }: Entry) {
  return [path, target, permissionsOf(stats), stats?.isFile() ? hashOfFile(path) : undefined]
}

function hashOfFile(path: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex')
  } catch {
    return undefined
  }
}

function hash(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
