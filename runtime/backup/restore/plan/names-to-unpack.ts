import type { Entry } from '../../../host/points/entry.ts'
import { parentOf } from '../../../host/points/open-folder.ts'
import type { Decision, Tally } from './decide.ts'

/** What is unpacked to be put in place. */
export interface ToUnpack {
  /** With everything below it. */
  unpack: Buffer[]
  /** Folders without it. */
  unpackAlone: Buffer[]
  /** What all of that takes. */
  room: Tally
}

export interface Asked {
  /** What the restore point has of what was asked for. */
  entries: readonly Entry[]
  /** Folders above it. */
  above: readonly Entry[]
  paths: readonly Buffer[]
  /** Outermost entries of it that are left out. */
  leaveOut: readonly Buffer[]
  /** Beyond so many names all that was asked for is unpacked. */
  mostNames: number
}

const text = (path: Buffer) => path.toString('latin1')
const key = ({ path }: Pick<Entry, 'path'>) => text(path)

/** Names what is unpacked: what is created or replaced, and the first names of files that have several. */
export function namesToUnpack({ actions }: Pick<Decision, 'actions'>, asked: Asked): ToUnpack {
  const { entries, above, paths, mostNames } = asked
  const made = new Set(actions.filter(({ op }) => op === 'create' || op === 'replace').map(key))
  const alone = above.filter((entry) => isWithin(key(entry), made))
  const isAlone = new Set(alone.map(key))
  const tops = [
    ...[...made].filter((name) => !isAlone.has(name)).map((name) => Buffer.from(name, 'latin1')),
    ...paths.filter((path) => alone.some((entry) => isWithin(text(path), new Set([key(entry)])))),
  ]
  const around = aroundLeftOut(tops, asked)
  const isMany = around.whole.length + around.folders.length > mostNames
  const unpack = withFirstNames(isMany ? paths : around.whole, entries)
  const unpackAlone = [...alone.map(({ path }) => path), ...(isMany ? [] : around.folders)]
  return { unpack, unpackAlone, room: roomOf(entries, unpack, unpackAlone) }
}

/** Folders in which something is left out are unpacked alone, and what else is in them one by one. */
function aroundLeftOut(
  tops: readonly Buffer[],
  { entries, leaveOut }: Asked,
): { whole: Buffer[]; folders: Buffer[] } {
  if (leaveOut.length === 0) return { whole: [...tops], folders: [] }
  const out = new Set(leaveOut.map(text))
  const holding = new Set<string>()
  for (let name of out) {
    while (name !== '') {
      name = parentOf(name)
      holding.add(name)
    }
  }
  const inFolder = Map.groupBy(entries, (entry) => parentOf(key(entry)))
  const found: { whole: Buffer[]; folders: Buffer[] } = { whole: [], folders: [] }
  const visit = (path: Buffer) => {
    const name = text(path)
    if (out.has(name)) return
    if (!holding.has(name)) {
      found.whole.push(path)
      return
    }
    found.folders.push(path)
    for (const entry of inFolder.get(name) ?? []) if (entry.path.length > 0) visit(entry.path)
  }
  for (const top of tops) visit(top)
  return found
}

/** An archive holds a file with several names once, by the first: that one has to be there for the others. */
function withFirstNames(paths: readonly Buffer[], entries: readonly Entry[]): Buffer[] {
  const names = new Set(paths.map(text))
  const firsts = new Set<string>()
  for (const entry of entries) {
    const first = entry.hardLinkTo && text(entry.hardLinkTo)
    if (first !== undefined && isWithin(key(entry), names) && !isWithin(first, names)) firsts.add(first)
  }
  return [...paths, ...[...firsts].map((name) => Buffer.from(name, 'latin1'))]
}

function roomOf(entries: readonly Entry[], unpack: readonly Buffer[], unpackAlone: readonly Buffer[]): Tally {
  const names = new Set(unpack.map(text))
  const folders = new Set(unpackAlone.map(text))
  const room = { entries: 0, sizeBytes: 0 }
  const counted = new Set<string>()
  for (const entry of entries) {
    if (!isWithin(key(entry), names) && !folders.has(key(entry))) continue
    const file = entry.hardLinkTo ? text(entry.hardLinkTo) : key(entry)
    if (counted.has(file)) continue
    counted.add(file)
    room.entries += 1
    room.sizeBytes += bytesOnDisk(entry)
  }
  return room
}

/** Holes take no room. Some file systems keep small files in the inode, and count no blocks for them. */
function bytesOnDisk({ sizeBytes, allocatedBytes = sizeBytes }: Entry): number {
  return Math.min(sizeBytes, Math.max(allocatedBytes, blockBytes))
}

const blockBytes = 4096

/** Whether a name is one of these, or below one. */
function isWithin(name: string, folders: ReadonlySet<string>): boolean {
  for (let path = name; path !== ''; path = parentOf(path)) if (folders.has(path)) return true
  return folders.has('')
}
