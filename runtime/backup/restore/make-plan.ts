import { createHash } from 'node:crypto'
import { TerminalError, UsageError } from '../../errors.ts'
import type { Entry, PointReader } from '../../host/points/entry.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import type { Owners } from '../../host/restore/owner-map.ts'
import { type Decision, decide } from './plan/decide.ts'
import { excludedBy } from './plan/excluded.ts'
import { namesToUnpack, type ToUnpack } from './plan/names-to-unpack.ts'
import { type OwnerNames, strangersAmong, withOwners } from './plan/owner-names.ts'

/** What somebody wants brought back, and where to. */
export interface RestoreRequest {
  point: RestorePoint
  /** Another one means that the restore point is not what it was. */
  identity: string
  /** Below the folder of the source; an empty one is the whole source. */
  paths: readonly Buffer[]
  /** The folder that takes the place of the source's: absolute. It is there, unless `isNew`. */
  root: string
  /** Whether the folder is made for it. */
  isNew: boolean
  deletes: boolean
  /** Patterns of what is not brought back, as rsync has them. */
  exclude: readonly string[]
  /** Patterns of what was left out of the backup, and so is not deleted. */
  notBackedUp: readonly string[]
  /** Patterns of what is left alone whatever is asked for: the undo folder, the event store, targets. */
  leaveAlone: readonly string[]
  owners: Owners
  /** With `names`. */
  names?: OwnerNames
}

export interface RestorePlan extends Decision, ToUnpack {
  request: RestoreRequest
  /** What of that is not put in place, each with everything below it. */
  leaveOut: Buffer[]
  /** Why not all of the restore point could be read. */
  damage: string | undefined
  /** With `names`: owners of what was asked for whose names are not here. */
  strangers: OwnerNames['strangers'] | undefined
  /** Another one means that something has changed since it was made. */
  hash: string
}

/**
 * Looks what a restore would do. Writes nothing.
 * @param live Reads the folder that is restored to.
 * @param differing What is known to have other ACLs or extended attributes there; each byte of a path is a character.
 * @throws {UsageError} Nothing was there.
 * @throws {TerminalError} It cannot be told, as the restore point is damaged.
 */
export async function makePlan(
  request: RestoreRequest,
  reader: PointReader,
  live: PointReader | undefined,
  differing: ReadonlySet<string> = new Set(),
): Promise<RestorePlan> {
  const { paths, exclude, notBackedUp, leaveAlone, deletes, owners, names, point } = request
  const isOut = excludedBy([...exclude, ...leaveAlone])
  const recorded = await entriesWanted(reader, request)
  const found = names ? { ...recorded, ...ownersHere(recorded, names) } : recorded
  const wanted = found.entries.filter((entry) => !isOut(key(entry), entry.type === 'directory'))
  const leaveOut = outermost(found.entries.filter((entry) => isOut(key(entry), entry.type === 'directory')))
  for (const path of paths) if (!found.has(path)) throw notThere(path, point, found.damage)
  const there = live ? await liveEntries(live, found.above, paths) : new Map([['', newFolder]])
  const excluded = excludedBy([...exclude, ...leaveAlone, ...notBackedUp])
  const decision = decide({
    wanted,
    above: found.above,
    live: there,
    differing,
    excluded,
    deletes,
    owners: owners !== 'me',
  })
  restoreParentsOf(leaveOut, decision, wanted)
  const { entries, above } = found
  // An archive is looked through for each of the names that are wanted of it.
  const mostNames = point.kind === 'mirror' ? Number.POSITIVE_INFINITY : 1000
  return {
    ...decision,
    request,
    ...namesToUnpack(decision, { entries, above, paths, leaveOut, mostNames }),
    leaveOut,
    damage: found.damage,
    strangers: names && strangersAmong(recorded.entries, names.strangers),
    hash: hashOf(request, decision, wanted),
  }
}

const key = ({ path }: Pick<Entry, 'path'>) => path.toString('latin1')

interface Found {
  entries: Entry[]
  above: Entry[]
  damage: string | undefined
  has(path: Buffer): boolean
}

async function entriesWanted(reader: PointReader, { paths }: RestoreRequest): Promise<Found> {
  const entries: Entry[] = []
  const above: Entry[] = []
  const names = new Set<string>()
  let damage: string | undefined
  const sort = (entry: Entry) => {
    // Places may lie in one another.
    if (names.has(key(entry))) return
    if (paths.some((path) => isBelow(entry.path, path))) {
      entries.push(entry)
      names.add(key(entry))
    } else if (entry.type === 'directory' && paths.some((path) => isBelow(path, entry.path)))
      above.push(entry)
  }
  try {
    if (await reader.isIndexed()) {
      const folders = new Set(paths.flatMap(foldersAbove))
      for (const folder of folders)
        for await (const entry of reader.entries(Buffer.from(folder, 'latin1'), 0)) sort(entry)
      for (const path of paths) for await (const entry of reader.entries(path)) sort(entry)
    } else {
      // It is read once, whatever is wanted of it.
      for await (const entry of reader.entries()) sort(entry)
    }
  } catch (error) {
    damage = (error as Error).message
  }
  return {
    entries,
    above: above.filter(({ path }) => path.length > 0),
    damage,
    has: (path) => names.has(path.toString('latin1')),
  }
}

function ownersHere({ entries, above }: Found, { map }: OwnerNames): Pick<Found, 'entries' | 'above'> {
  return { entries: withOwners(entries, map), above: withOwners(above, map) }
}

/** From the top. */
function foldersAbove(path: Buffer): string[] {
  const names = path.toString('latin1').split('/')
  return names.slice(0, -1).map((_, index) => names.slice(0, index + 1).join('/'))
}

/** The folder that will be made. */
const newFolder: Entry = {
  path: Buffer.alloc(0),
  type: 'directory',
  sizeBytes: 0,
  mtimeNs: 0n,
  mode: 0o700,
  uid: -1,
  gid: -1,
}

async function liveEntries(
  live: PointReader,
  above: readonly Entry[],
  paths: readonly Buffer[],
): Promise<Map<string, Entry>> {
  const found = new Map<string, Entry>()
  const tops = paths.some(({ length }) => length === 0) ? [Buffer.alloc(0)] : paths
  for (const top of tops) for await (const entry of live.entries(top)) found.set(key(entry), entry)
  for (const { path } of above) for await (const entry of live.entries(path, 0)) found.set(key(entry), entry)
  return found
}

/** Folders from whose inside something is taken away after they were unpacked get back their times. */
function restoreParentsOf(
  leaveOut: readonly Buffer[],
  { actions }: Decision,
  wanted: readonly Entry[],
): void {
  const folders = new Map(
    wanted.filter(({ type }) => type === 'directory').map((entry) => [key(entry), entry]),
  )
  const planned = new Set(actions.filter(({ op }) => op === 'folder').map(key))
  for (const path of leaveOut) {
    const name = path.toString('latin1')
    const folder = folders.get(name.slice(0, Math.max(0, name.lastIndexOf('/'))))
    if (!folder || planned.has(key(folder))) continue
    planned.add(key(folder))
    actions.push({ op: 'folder', path: folder.path, type: folder.type })
  }
}

function outermost(entries: readonly Entry[]): Buffer[] {
  const all = new Set(entries.map(key))
  return entries
    .filter((entry) => {
      const name = key(entry)
      return !all.has(name.slice(0, Math.max(0, name.lastIndexOf('/'))))
    })
    .map(({ path }) => path)
}

function isBelow(path: Buffer, folder: Buffer): boolean {
  if (folder.length === 0 || path.equals(folder)) return true
  return path[folder.length] === 0x2f && path.subarray(0, folder.length).equals(folder)
}

function notThere(path: Buffer, { source, id }: RestorePoint, damage: string | undefined): Error {
  if (damage !== undefined) {
    const place = path.length === 0 ? source : `${source}:${path}`
    return new TerminalError(`${place} cannot be found in ${id}: ${damage}`, {
      hint: `hdsync versions ${place} tells which other restore points have it`,
    })
  }
  return new UsageError(`${source}:${path} is not in ${id}`, {
    hint: `hdsync find NAME ${source} --all looks through all restore points`,
  })
}

function hashOf(
  { point, identity, ...asked }: RestoreRequest,
  { actions }: Decision,
  wanted: readonly Entry[],
): string {
  const hash = createHash('sha256')
  const { root, isNew, owners, names, deletes, exclude } = asked
  const paths = asked.paths.map((path) => path.toString('base64'))
  const whose = names ? [owners, names.map] : owners
  hash.update(
    JSON.stringify([2, point.id, identity, point.path, root, isNew, whose, deletes, exclude, paths]),
  )
  const entries = new Map(wanted.map((entry) => [key(entry), entry]))
  for (const { op, path, type } of actions) {
    const entry = entries.get(path.toString('latin1'))
    hash.update(`${op} ${type} ${path.toString('base64')} ${entry?.sizeBytes} ${entry?.mtimeNs}\n`)
  }
  return hash.digest('hex').slice(0, 32)
}
