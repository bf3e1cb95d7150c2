import { basename } from 'node:path'
import { bySource, knownPoints, liveSources } from '../../backup/restore/known-points.ts'
import { type LiveSource, type Place, placeOf } from '../../backup/restore/place.ts'
import { pickPoint } from '../../backup/restore/when.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { TerminalError, UsageError } from '../../errors.ts'
import { type AbsentTarget, copyReader } from '../../host/archive/catalogue/copy-reader.ts'
import { Together } from '../../host/archive/catalogue/together.ts'
import { type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import type { FoundPoints } from '../../host/points/configured-points.ts'
import type { PointReader } from '../../host/points/entry.ts'
import { pointsOn } from '../../host/points/find-points.ts'
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
  /** The archives among some restore points that a catalogue knows: a group for each source and disk. */
  together(points: readonly RestorePoint[]): Promise<Together[]>
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
  return accessTo(await knownPoints(config, (from) => readPast(config, from)), config, runner, now)
}

function accessTo(
  { points, absent }: FoundPoints,
  config: Config | undefined,
  runner: CommandRunner,
  now: number,
): Access {
  const sorted = bySource(points)
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
      const target = absentTarget(point, reason, config)
      if (!target || point.kind === 'mirror') throw absentError(point, reason)
      return copyReader(point, target)
    },
    async together(points) {
      const groups = Map.groupBy(points, ({ source, target }) => `${source} ${target}`)
      const found: Together[] = []
      for (const group of groups.values()) {
        const [first] = group
        const reason = first && absent.get(first.target)
        const target = reason === undefined ? undefined : absentTarget(first as RestorePoint, reason, config)
        const known = reason === undefined || target ? await Together.open(group, target) : undefined
        if (known) found.push(known)
      }
      return found
    },
  }
}

function absentTarget(
  point: RestorePoint,
  reason: string,
  config: Config | undefined,
): AbsentTarget | undefined {
  const target = config?.targets[point.target]
  if (!config || !target) return undefined
  return { ...target, stateDirectory: config.state, refusal: () => absentError(point, reason) }
}

function absentError({ target, id }: RestorePoint, reason: string): TerminalError {
  return new TerminalError(`the disk of target ${target}, which has ${id}, cannot be read: ${reason}`, {
    hint: `mount it, or name where it is mounted: --disk FOLDER`,
  })
}

function fromDisk(path: string): FoundPoints {
  const points = pointsOn({ target: basename(path), path })
  if (points.length > 0) return { points, absent: new Map() }
  throw new UsageError(`there are no backups of hdsync in ${path}`, {
    hint: 'name the folder that has .hdsync-target in it, or the folders Monday to Sunday',
  })
}
