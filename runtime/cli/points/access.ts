import type { LiveSource, Place } from '../../backup/restore/place.ts'
import type { Config } from '../../config/config.ts'
import type { Together } from '../../host/archive/catalogue/together.ts'
import type { PointReader } from '../../host/points/entry.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import type { VaultOptions } from './from-vault.ts'

/** How a command that reads backups is told where they are. */
export interface WhereOptions extends VaultOptions {
  config?: string
  /** A folder of backups, that is read without a config. */
  disk?: string
  /** False with `--no-wait`: a mirror that is being written is not waited for. */
  wait?: boolean
  /** The place whose copies alone are wanted; see `copies` of the config. */
  copy?: string | undefined
  /** The file of an identity of age, for copies that are encrypted. */
  identity?: string
  /** Copies that are not encrypted are read although others are; see `fetchingOf`. */
  allowUnencrypted?: boolean
}

/** The backups that a command can get at. In the end it unmounts what it had to mount. */
export interface Access extends AsyncDisposable {
  /** The newest first, by source. */
  readonly points: readonly RestorePoint[]
  /** Targets whose disks cannot be read now, and why. */
  readonly absent: ReadonlyMap<string, string>
  /** Whether the daemon tells, and of what this user could read alone. */
  readonly isThroughDaemon: boolean
  /** Undefined with `--disk`, and where the daemon tells. */
  readonly config: Config | undefined
  readonly sources: readonly LiveSource[]
  /** @throws {UsageError} There is no such place. */
  place(word: string): Place
  /**
   * Where only the disks can tell which one is meant, they are mounted for it.
   * @throws {UsageError} There is no such restore point.
   */
  point(source: string, when: string | undefined): Promise<RestorePoint>
  /**
   * Of an archive whose disk is not mounted, what is in it is told by a copy of the catalogue. For all else the disk is mounted
   * read-only, once something is read.
   * @throws {TerminalError} Its disk is not mounted, and cannot be.
   */
  reader(point: RestorePoint): PointReader
  /** A restore point whose file can be read here: one in a vault is fetched. */
  here(point: RestorePoint): Promise<RestorePoint>
  /** Unmounts what was mounted. What was fetched stays until the access is disposed of. */
  letGo(): Promise<void>
  /** The archives among some restore points that a catalogue knows: a group for each source and disk. */
  together(points: readonly RestorePoint[]): Promise<Together[]>
  /** Those archives among some restore points that no catalogue knows, but for damaged ones. */
  uncatalogued(points: readonly RestorePoint[]): Promise<RestorePoint[]>
  /**
   * Has all disks of a source mounted, and no run begins while they are read.
   * @returns Whether that came about: not where a run is going on that is not waited for, which is told.
   */
  settle(source: string, waits: boolean): Promise<boolean>
  /** The exit code of a command that would end with this one: 4 where a mirror was being written. */
  exitCode(otherwise: number): number
}
