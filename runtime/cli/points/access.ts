import { basename } from 'node:path'
import { type LiveSource, type Place, placeOf } from '../../backup/restore/place.ts'
import {
  type ToldPoints,
  tellOfPoints,
  toldPoints,
  unseenPoints,
  withRecord,
} from '../../backup/restore/told-points.ts'
import { byAge, pickPoint } from '../../backup/restore/when.ts'
import type { Config, Source } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { TerminalError, UsageError } from '../../errors.ts'
import { archiveFile } from '../../host/archive/archive-file.ts'
import { copyReader } from '../../host/archive/catalogue/copy-reader.ts'
import { type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import { identify, mirrorPath } from '../../host/mirror/mirror-identity.ts'
import { readMounts } from '../../host/mount/mountinfo.ts'
import { dayOf } from '../../host/points/archive-night.ts'
import { configuredPoints } from '../../host/points/configured-points.ts'
import type { PointReader } from '../../host/points/entry.ts'
import { pointsOn } from '../../host/points/find-points.ts'
import { liveRoots } from '../../host/points/live-sources.ts'
import { readerOf } from '../../host/points/reader.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import type { Io } from '../io.ts'
import { readPast } from '../past.ts'
import { rawWord } from './raw-words.ts'

/** How a command that reads backups is told where they are. */
export interface WhereOptions {
  config?: string
  /** A folder of backups, that is read without a config. */
  disk?: string
}

/** The backups that a command can get at. */
export interface Access {
  /** The newest first, by source. */
  points: readonly RestorePoint[]
  /** Targets whose disks cannot be read now, and why. */
  absent: ReadonlyMap<string, string>
  /** Undefined with `--disk`. */
  config: Config | undefined
  sources: readonly LiveSource[]
  /** @throws {UsageError} There is no such place. */
  place(word: string): Place
  /** @throws {UsageError} There is no such restore point. */
  point(source: string, when: string | undefined): RestorePoint
  /**
   * Of an archive whose disk is not mounted, what is in it is told by a copy of the catalogue.
   * @throws {TerminalError} Its disk is not mounted.
   */
  reader(point: RestorePoint): PointReader
}

/**
 * Finds the restore points: on the disks of the config, or in a folder that is named. Looks only, and mounts nothing.
 * @throws {UsageError} The folder holds no backups.
 * @throws {ConfigError} The config cannot be used.
 */
export async function openAccess(options: WhereOptions, io: Io, now = Date.now()): Promise<Access> {
  const runner = createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'read' })
  if (options.disk !== undefined) return accessTo(fromDisk(options.disk), undefined, runner, now)
  const config = await loadConfig({ path: options.config, env: io.env })
  return accessTo(await fromConfig(config), config, runner, now)
}

interface Found {
  points: RestorePoint[]
  absent: Map<string, string>
}

function accessTo(
  { points, absent }: Found,
  config: Config | undefined,
  runner: CommandRunner,
  now: number,
): Access {
  const sorted = points.toSorted((one, other) =>
    one.source === other.source ? byAge(one, other) : one.source < other.source ? -1 : 1,
  )
  const sources = liveSources(sorted, config)
  return {
    points: sorted,
    absent,
    config,
    sources,
    place: (word) => placeOf(rawWord(word), sources),
    point: (source, when) =>
      pickPoint(
        when,
        sorted.filter((one) => one.source === source),
        source,
        now,
      ),
    reader(point) {
      const reason = absent.get(point.target)
      if (reason === undefined) return readerOf(point, runner)
      const refusal = () => absentError(point, reason)
      const target = config?.targets[point.target]
      if (!config || !target || point.kind === 'mirror') throw refusal()
      return copyReader(point, { ...target, stateDirectory: config.state, refusal })
    },
  }
}

function absentError({ target, id }: RestorePoint, reason: string): TerminalError {
  return new TerminalError(`the disk of target ${target}, which has ${id}, cannot be read: ${reason}`, {
    hint: `mount it, or name where it is mounted: --disk FOLDER`,
  })
}

function fromDisk(path: string): Found {
  const points = pointsOn({ target: basename(path), path })
  if (points.length > 0) return { points, absent: new Map() }
  throw new UsageError(`there are no backups of hdsync in ${path}`, {
    hint: 'name the folder that has .hdsync-target in it, or the folders Monday to Sunday',
  })
}

async function fromConfig(config: Config): Promise<Found> {
  const { points, absent } = configuredPoints(config)
  const told = readPast(config, ({ bus }) => {
    const of = (subject: string) =>
      toldPoints(bus.events({ types, subject, newestFirst: true, limit: mostEvents }))
    const names = new Set([...Object.keys(config.sources), ...points.map(({ source }) => source)])
    return new Map([...names].map((source) => [source, of(source)]))
  })
  const seen: RestorePoint[] = []
  for (const point of points) {
    const known = told.get(point.source)
    seen.push(known ? withRecord(point, known, await identityOf(point, config)) : point)
  }
  const unseen = Object.values(config.sources).flatMap((source) =>
    unseenOf(source, config, told.get(source.name)),
  )
  return { points: [...seen, ...unseen.filter(({ target }) => absent.has(target))], absent }
}

const types = tellOfPoints.map(({ type }) => type)
/** More than all nights of a year that are on record, mirror and archive. */
const mostEvents = 1000

async function identityOf(point: RestorePoint, config: Config): Promise<string | undefined> {
  if (point.kind !== 'mirror') return (await archiveFile(point.path))?.file
  const target = config.targets[point.target]
  return target && identify(target, point.path).id
}

function unseenOf(
  source: Source,
  { targets, archive }: Config,
  told: ToldPoints | undefined,
): RestorePoint[] {
  const target = targets[source.target]
  const shelf = archive && targets[archive.target]
  if (!target || !told) return []
  return unseenPoints(told, {
    source: source.name,
    target: target.name,
    mirror: mirrorPath(target, source),
    archives: shelf && { target: shelf.name, path: shelf.path },
    dayOf,
  })
}

/** Sources of the config, and those that only have backups left. */
function liveSources(points: readonly RestorePoint[], config: Config | undefined): LiveSource[] {
  const mounts = readMounts()
  const known = Object.values(config?.sources ?? {})
  const names = known.map(({ name }) => name)
  const others = [...new Set(points.map(({ source }) => source))].filter((name) => !names.includes(name))
  return [
    ...known.map((source) => ({ name: source.name, roots: liveRoots(source, mounts) })),
    ...others.map((name) => ({ name, roots: [] })),
  ]
}
