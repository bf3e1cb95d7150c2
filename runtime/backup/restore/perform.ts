import { rmdirSync, rmSync } from 'node:fs'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import { copyFolders } from '../../host/points/copy-folders.ts'
import type { PointReader } from '../../host/points/entry.ts'
import { mirrorReader } from '../../host/points/mirror-reader.ts'
import { nameOf, OpenFolder } from '../../host/points/open-folder.ts'
import { readerOf } from '../../host/points/reader.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import type { Action } from '../../host/restore/action.ts'
import { makeFolder } from '../../host/restore/make-folder.ts'
import { mapOwners } from '../../host/restore/owner-map.ts'
import { proveRoom } from '../../host/restore/room.ts'
import { RoomMeter } from '../../host/restore/room-meter.ts'
import { type Fresh, freshOf, freshTree, swap } from '../../host/restore/swap.ts'
import { setTime, timeOf } from '../../host/restore/time.ts'
import { type RestoreRecord, UndoFolder, undoFolderName } from '../../host/restore/undo-folder.ts'
import type { Progress } from '../../progress.ts'
import { isBelowOne, lostFiles, type Readable, readable } from './lost.ts'
import type { RestorePlan } from './make-plan.ts'

/** A restore that is under way: by the folder that is restored to, and its own id. */
export interface Restore {
  root: string
  id: string
}

/** What came of a restore. */
export interface Restored {
  /** What could not be brought back, and why: sentences. */
  missing: string[]
}

/**
 * Writes down what a restore will do, beside where it will be done. Nothing else is touched.
 * @param now Milliseconds since the epoch.
 * @throws {TerminalError} There is no room.
 */
export function beginRestore(plan: RestorePlan, id: string, now: number): Restore {
  const { root, isNew, point, owners, names } = plan.request
  if (isNew) makeFolder(root)
  const rootTimeNs = String(timeOfFolder(root))
  proveRoom(root, plan.room)
  const base64 = (paths: readonly Buffer[]) => paths.map((path) => path.toString('base64'))
  const record: RestoreRecord = {
    id,
    from: { point },
    source: point.source,
    startedAt: now,
    stage: 'prepared',
    asked: base64(plan.request.paths),
    unpack: base64(plan.unpack),
    unpackAlone: base64(plan.unpackAlone),
    leaveOut: base64(plan.leaveOut),
    owners,
    ...(names && { ownerMap: names.map }),
    roomBytes: plan.room.sizeBytes,
    isNew,
    rootTimeNs,
  }
  UndoFolder.create(root, record, plan.actions)[Symbol.dispose]()
  return { root, id }
}

/**
 * Unpacks what is to be put in place, beside it. Safe to repeat, from the beginning.
 * @param others Further restore points: where one is damaged, those that have what is lost are named.
 * @param onProgress Told how much of it is there.
 * @param given Reads the restore point; a reader is made of it unless given.
 */
export async function unpackRestore(
  { root, id }: Restore,
  runner: CommandRunner,
  others: readonly RestorePoint[] = [],
  onProgress: (progress: Progress) => void = () => {},
  given?: PointReader,
): Promise<Restored> {
  using undo = UndoFolder.open(root, id)
  const { from, stage, unpack, asked = unpack, unpackAlone, leaveOut, owners, ownerMap } = undo.record
  if (!('point' in from) || stage !== 'prepared') return { missing: [] }
  const reader = given ?? readerOf(from.point, runner)
  undo.clear('new')
  undo.clear('folders-new')
  undo.clear('folders-old')
  using staged = undo.part('new')
  using foldersNew = undo.part('folders-new')
  using foldersOld = undo.part('folders-old')
  using meter = new RoomMeter(staged.self, undo.record.roomBytes ?? null, onProgress)
  const first = await reader.extract(paths(unpack), staged, { owners })
  dropFirstNames(undo.record, staged)
  const alone = await reader.extract(paths(unpackAlone), staged, { owners, alone: true })
  meter.end()
  const folders = undo.actions.filter(({ op }) => op === 'folder').map(({ path }) => path)
  const attributes = await reader.extract(folders, foldersNew, { owners, alone: true })
  await keepFolders(folders, undo, foldersOld, runner)
  const unreadable = [...first.unreadable, ...alone.unreadable, ...attributes.unreadable]
  const lost: string[] = []
  if (unreadable.length > 0) {
    const found = await readable(reader)
    const whole = await dropTorn(found, staged, runner)
    const isUnpacked = isBelowOne(paths(unpack))
    const unpacked = {
      point: from.point,
      found,
      ...{ asked: paths(asked), leaveOut: paths(leaveOut) },
      // What was to stay as it is has not been unpacked.
      isThere: (path: Buffer) => whole.has(path.toString('latin1')) || !isUnpacked(path),
    }
    lost.push(...(await lostFiles(unpacked, others, runner)))
  }
  for (const path of paths(leaveOut)) drop(staged, path)
  if (ownerMap) for (const folder of [staged, foldersNew]) await mapOwners(folder, ownerMap, runner)
  await runner.run({ argv: ['sync', '--file-system', staged.forCommands], timeoutMs: 3_600_000 })
  return { missing: [...unreadable.map(({ reason }) => reason), ...lost] }
}

/** Puts everything in its place: each path has what it had or what it gets. Safe to repeat: it goes on where it was cut off. */
export async function placeRestore(
  { root, id }: Restore,
  runner: CommandRunner,
  signal?: AbortSignal,
): Promise<void> {
  using undo = UndoFolder.open(root, id)
  const { actions, record } = undo
  if (record.stage === 'done' || record.stage === 'undone') return
  if (record.stage === 'prepared') undo.enter('placing')
  using live = undo.root.descend(Buffer.alloc(0))
  using old = undo.part('old')
  using sources = sourcesOf(undo, record, actions.length)
  for (const [number, action] of actions.entries()) {
    signal?.throwIfAborted()
    swap(action, number, { live, old, fresh: sources.fresh })
  }
  const folders = actions.filter(({ op }) => op === 'folder').map(({ path }) => path)
  await copyFolders(folders, sources.folders, live, runner)
  // The undo folder alone has changed that of the top.
  const isOurs = folders.some(({ length }) => length === 0)
  const timeNs = isOurs ? timeOf(live) : BigInt(record.rootTimeNs)
  const changed = actions.some(({ op, path }) => op !== 'folder' && !path.includes('/'))
  if (!isOurs && !changed) await setTime(live, timeNs, runner)
  await runner.run({ argv: ['sync', '--file-system', live.forCommands], timeoutMs: 3_600_000 })
  undo.enter('done')
  if ('restore' in record.from) {
    using before = UndoFolder.open(root, record.from.restore)
    before.enter('undone')
  }
  undo.clear('new')
  undo.clear('folders-new')
  if (!record.isNew) return
  forget(undo)
  await setTime(live, timeNs, runner)
}

/**
 * Writes down what takes a restore back; `placeRestore` does it. What it replaces is kept too: it can itself be taken back.
 * @throws {TerminalError} It was taken back already, or has not come so far that there is anything to take back.
 */
export async function beginUndo(
  { root, id }: Restore,
  undoId: string,
  now: number,
  runner: CommandRunner,
): Promise<Restore> {
  using before = UndoFolder.open(root, id)
  const { stage, source } = before.record
  if (stage === 'undone') throw new TerminalError(`restore ${id} has been taken back already`)
  if (stage === 'prepared') throw new TerminalError(`restore ${id} has not changed anything`)
  const actions = undoActions(before)
  const record: RestoreRecord = {
    ...{ id: undoId, from: { restore: id }, source, startedAt: now, stage: 'prepared' },
    ...{ unpack: [], unpackAlone: [], leaveOut: [], owners: 'keep', isNew: false },
    rootTimeNs: String(timeOfFolder(root)),
  }
  using undo = UndoFolder.create(root, record, actions)
  using foldersOld = undo.part('folders-old')
  const folders = actions.filter(({ op }) => op === 'folder').map(({ path }) => path)
  await keepFolders(folders, undo, foldersOld, runner)
  return { root, id: undoId }
}

/** What takes a restore back, in the order in which that is done. */
export function undoActions({ actions }: Pick<UndoFolder, 'actions'>): Action[] {
  const opposite = { create: 'delete', delete: 'create', replace: 'replace', folder: 'folder' } as const
  return actions.toReversed().map((action) => ({ ...action, op: opposite[action.op] }))
}

/** Keeps what folders have now. The top has its time of before: the undo folder in it has changed that. */
async function keepFolders(
  folders: readonly Buffer[],
  { root, record }: UndoFolder,
  into: OpenFolder,
  runner: CommandRunner,
): Promise<void> {
  await copyFolders(folders, root, into, runner)
  if (folders.some(({ length }) => length === 0)) await setTime(into, BigInt(record.rootTimeNs), runner)
}

/** Where what is put in place comes from: what was unpacked, or what the restore that is taken back has set aside. */
function sourcesOf(
  undo: UndoFolder,
  { from }: RestoreRecord,
  count: number,
): { fresh: Fresh; folders: OpenFolder; [Symbol.dispose](): void } {
  if ('point' in from) {
    const staged = undo.part('new')
    const folders = undo.part('folders-new')
    return disposing(freshTree(staged), folders, [staged, folders])
  }
  const before = UndoFolder.open(undo.root.path, from.restore)
  const old = before.part('old')
  const folders = before.part('folders-old')
  const fresh = freshOf(old, (number) => count - 1 - number)
  return disposing(fresh, folders, [old, folders, before])
}

function disposing(fresh: Fresh, folders: OpenFolder, opened: readonly Disposable[]) {
  return {
    fresh,
    folders,
    [Symbol.dispose]() {
      for (const one of opened) one[Symbol.dispose]()
    },
  }
}

/** Whether a restore has kept what was there before. */
export function canBeUndone({ root, id }: Restore): boolean {
  return UndoFolder.list(root).some((record) => record.id === id && record.stage !== 'prepared')
}

/**
 * A file that could be unpacked in part alone is not put in the place of a whole one.
 * @returns The paths of all else that was unpacked.
 */
async function dropTorn(found: Readable, staged: OpenFolder, runner: CommandRunner): Promise<Set<string>> {
  const whole = new Set<string>()
  for await (const entry of mirrorReader(staged.path, runner).entries()) {
    const path = entry.path.toString('latin1')
    if (entry.type !== 'file' || found.entries.get(path)?.sizeBytes === entry.sizeBytes) whole.add(path)
    else drop(staged, entry.path)
  }
  return whole
}

function drop(staged: OpenFolder, path: Buffer): void {
  try {
    using parent = staged.parentOf(path)
    rmSync(parent.at(nameOf(path)), { recursive: true, force: true })
  } catch {
    // It was not unpacked.
  }
}

/** First names of files that others were asked for: they have to be there while those are unpacked, and with them their folders. */
function dropFirstNames({ unpack, asked = unpack, unpackAlone }: RestoreRecord, staged: OpenFolder): void {
  const isAsked = isBelowOne(paths(asked))
  const stays = new Set(unpackAlone)
  for (const path of paths(unpack).filter((one) => !isAsked(one))) {
    drop(staged, path)
    for (let folder = folderOf(path); folder.length > 0; folder = folderOf(folder))
      if (stays.has(folder.toString('base64')) || !dropEmpty(staged, folder)) break
  }
}

function folderOf(path: Buffer): Buffer {
  return path.subarray(0, Math.max(0, path.lastIndexOf('/')))
}

function dropEmpty(staged: OpenFolder, path: Buffer): boolean {
  try {
    using parent = staged.parentOf(path)
    rmdirSync(parent.at(nameOf(path)))
    return true
  } catch {
    return false
  }
}

function timeOfFolder(path: string): bigint {
  using folder = OpenFolder.toWrite(path)
  return timeOf(folder)
}

/** A new folder has nothing that could be taken back. */
function forget(undo: UndoFolder): void {
  undo.remove()
  try {
    rmdirSync(undo.root.at(Buffer.from(undoFolderName)))
  } catch {
    // Another restore is there.
  }
}

function paths(stored: readonly string[]): Buffer[] {
  return stored.map((path) => Buffer.from(path, 'base64'))
}
