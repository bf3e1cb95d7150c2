import { existsSync, mkdirSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import type { Config, Target } from '../../config/config.ts'
import { folderOfHost, keepName, namedAnew } from '../../config/host-path.ts'
import { storedOn } from '../../config/lookup.ts'
import { holdLock, openDatabase } from '../../core/bus/sqlite/database.ts'
import { storeId } from '../../core/bus/sqlite/identity.ts'
import { TerminalError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { createHost, runtimeDirectory } from '../../host/host.ts'
import { noteSight } from '../../host/last-sight.ts'
import { liesInMemory, mountOf, readMounts } from '../../host/mount/mountinfo.ts'
import { realPath } from '../../host/mount/real-path.ts'
import {
  type Claim,
  claimSources,
  foreignOf,
  foreignReason,
  readClaims,
  takeOverHint,
} from '../../host/target/claims.ts'
import { closeDoor, type Door, doorsOf } from '../../host/target/doors.ts'
import { type Marker, type Owner, readMarker, writeMarker } from '../../host/target/marker.ts'
import { inFolder } from '../../host/target/safe-open.ts'
import { type Probed, probeTarget } from '../../host/target/target-probe.ts'
import { holdsMirrors } from '../checks/attributes.ts'

export interface Adoption {
  /** Where it is. */
  path: string
  marker: Marker
  /** Whether it was no target of this name before. */
  isNew: boolean
  /** Whether no disk of its own is mounted there. */
  onRoot: boolean
  /** Whether it is gone when the machine goes down. */
  inMemory: boolean
  /** Whether it was open to others than root, and is closed now. */
  closed: boolean
  /** Ways for others that could not be closed. */
  doors: Door[]
  /** Who else adopted it. */
  by?: string
  /** Sources whose mirrors or archives belonged to another store, and do no longer. */
  taken: { source: string; from: Claim }[]
  /** What it does not keep of the files that are to be copied there; undefined where that cannot be told. */
  probed?: Probed | undefined
}

export interface AdoptionOptions {
  /** Even if it was adopted under another name. */
  again?: boolean | undefined
  /** Makes what is there of our sources ours, whoever it belongs to. */
  takeOver?: boolean | undefined
  /** Makes the folder that the target's disk is mounted at. */
  makeFolder?: boolean
  /** Looks at a folder that is no target yet. @throws It must not become one. */
  inspect?: (path: string) => void
}

/**
 * Marks a target as the right one, and closes it for everybody but root. Its disks are mounted for it, if they are not,
 * and unmounted again.
 * @returns undefined when another hdsync is at work: then nothing was changed.
 * @throws {TerminalError} The disk or the folder is not there, was adopted as another target, can be written by others, or
 *   holds what belongs to another host.
 */
export async function adoptTarget(
  config: Pick<Config, 'state'> & Partial<Pick<Config, 'sources' | 'archive'>>,
  given: Target,
  options: AdoptionOptions = {},
): Promise<Adoption | undefined> {
  const target = options.again ? namedAnew(given) : given
  const unlock = holdLock(config.state)
  if (!unlock) return undefined
  const { targets } = createHost({
    observer: unobserved,
    signal: AbortSignal.timeout(300_000),
    store: 'adopt',
    runtimeDirectory: runtimeDirectory(config.state, 'adopt'),
    stateDirectory: config.state,
  })
  const asRun = `adopt-${process.pid}`
  try {
    if (options.makeFolder) makeFolder(target.path)
    await targets.mount(target, asRun)
    makeFolderOfHost(target)
    const sources = namesOn(target, config)
    const done = await adoptMounted(target, sources, ownerOf(config.state), options)
    const adopted = { ...done, doors: noteSight(config.state, target) }
    keepName(config.state, target)
    return { ...adopted, probed: await probe(target, config) }
  } finally {
    await targets.close(asRun)
    unlock()
  }
}

async function adoptMounted(
  target: Target,
  sources: readonly string[],
  owner: Owner,
  { again, takeOver = false, inspect }: AdoptionOptions,
): Promise<Omit<Adoption, 'doors'>> {
  const { name, path } = target
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    const own = folderOfHost(target)
    const missing = own === undefined ? path : dirname(own)
    throw new TerminalError(`target ${name}: there is no folder ${missing}`, { hint: `mkdir -p ${missing}` })
  }
  refuseWritable(target)
  const found = readMarker(path)
  if (found && found.target !== name && !again) {
    throw new TerminalError(`${path} was adopted as target ${found.target}, not ${name}`, {
      hint: `if it is meant to be ${name} now: hdsync target adopt ${name} --again`,
    })
  }
  const isNew = found?.target !== name
  if (isNew) inspect?.(path)
  if (!takeOver) refuseForeign(target, sources, owner)
  const closed = inFolder(path, closeDoor)
  const { taken } = claimSources(target, isNew || takeOver ? sources : [], owner, { takeOver })
  const marker =
    isNew || (takeOver && found.store !== owner.store)
      ? await writeMarker(path, name, Date.now(), owner, takeOver ? found?.id : undefined)
      : found
  const other = marker.store !== undefined && marker.store !== owner.store
  return {
    path,
    marker,
    isNew,
    onRoot: mountOf(readMounts(), realPath(path))?.at === '/',
    inMemory: liesInMemory(realPath(path)),
    closed,
    ...(other && { by: `${marker.host} on ${marker.adoptedAt.slice(0, 10)}` }),
    taken,
  }
}

/** Better known now than in the first night; but no reason not to adopt it. */
async function probe(target: Target, { sources = {} }: Partial<Config>): Promise<Probed | undefined> {
  if (process.geteuid?.() !== 0 || !holdsMirrors(target, { sources })) return undefined
  const signal = AbortSignal.timeout(60_000)
  return probeTarget(target, createRunner({ observer: unobserved, signal, owner: 'adopt' }))
}

/** Each host has a folder of its own on a disk that they share; the disk itself has to be there. */
function makeFolderOfHost(target: Target): void {
  const folder = folderOfHost(target)
  if (folder === undefined || !existsSync(dirname(folder))) return
  mkdirSync(target.path, { recursive: true, mode: 0o700 })
}

/** Root's alone; folders above it, as mkdir(1) makes them. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  mkdirSync(path, { recursive: true, mode: 0o755 })
}

function namesOn(target: Target, { sources = {}, archive, copies }: Partial<Config>): string[] {
  return storedOn(target, { sources, ...(archive && { archive }), ...(copies && { copies }) }).map(
    ({ name }) => name,
  )
}

/** Opened for its id: a store that is not there yet is made. */
function ownerOf(state: string): Owner {
  const database = openDatabase(state)
  try {
    return { store: storeId(database), host: hostname() }
  } finally {
    database.close()
  }
}

/** What lies there may be somebody's trap already: it is looked at first. */
function refuseWritable({ name, path }: Target): void {
  const doors = doorsOf(path, name).filter(({ kind }) => kind === 'writable')
  if (doors.length === 0) return
  throw new TerminalError(`target ${name}: ${doors.map(({ reason }) => reason).join('; ')}`, {
    hint: `see what lies there, then: ${[...new Set(doors.flatMap(({ mend }) => mend))].join(' && ')}`,
  })
}

function refuseForeign(target: Target, sources: readonly string[], owner: Owner): void {
  const foreign = [...foreignOf(readClaims(target.path), sources, owner.store)]
  if (foreign.length === 0) return
  throw new TerminalError(
    foreign.map(([source, by]) => foreignReason(source, target, by, owner)).join('; '),
    { hint: takeOverHint(target.name) },
  )
}
