import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { copiesMeant } from '../../backup/copies/places.ts'
import { type FetchedFrom, vaultOf } from '../../backup/copies/vault-point.ts'
import { readNoPast, readPast } from '../../backup/past.ts'
import {
  bySource,
  type KnownPoints,
  knownPoints,
  liveSources,
  type ReadRecord,
} from '../../backup/restore/known-points.ts'
import { type LiveSource, type Place, placeOf } from '../../backup/restore/place.ts'
import { copyTargetsWith, targetsWith } from '../../backup/restore/point-named.ts'
import { pickPoint } from '../../backup/restore/when.ts'
import type { Config, Target } from '../../config/config.ts'
import { reasonOf, TerminalError, UsageError } from '../../errors.ts'
import { type AbsentTarget, copyReader, isInCopy } from '../../host/archive/catalogue/copy-reader.ts'
import { Together } from '../../host/archive/catalogue/together.ts'
import { type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import { releaseFetched } from '../../host/copies/vault/fetched.ts'
import type { PointReader } from '../../host/points/entry.ts'
import { pointsOn } from '../../host/points/find-points.ts'
import { readerOf } from '../../host/points/reader.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { withProofs } from '../../host/proof/proven-points.ts'
import { Disks } from '../daemon/disks.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { configOrSocket } from './config-or-socket.ts'
import type { VaultOptions } from './from-vault.ts'
import { MirrorWatch } from './mirror-watch.ts'
import { onDemand } from './on-demand.ts'
import { rawWord } from './raw-words.ts'
import { slowText } from './stale-text.ts'
import { uncataloguedAmong } from './uncatalogued-among.ts'
import { askedVaults, fetched, isOfVault, type ToldByVaults } from './vault-access.ts'

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

/**
 * Finds the restore points: on the disks of the config, or in a folder that is named. Mounts nothing yet.
 * @throws {UsageError} The folder holds no backups.
 * @throws {ConfigError} The config cannot be used.
 */
export async function openAccess(options: WhereOptions, io: Io, now = Date.now()): Promise<Access> {
  const { vault, disk, copy, identity } = options
  if (vault !== undefined) {
    if (disk !== undefined || copy !== undefined)
      throw new UsageError(`it is either --vault or ${disk === undefined ? '--from' : '--disk'}`)
    const { foundInVault } = await import('./from-vault.ts')
    const { found, from } = await foundInVault({ ...options, vault }, io)
    return new FoundAccess(found, undefined, { io, now, from, identity })
  }
  if (options.disk !== undefined) return new FoundAccess(await fromDisk(options.disk), undefined, { io, now })
  const { config, users } = await configOrSocket(options, io)
  if (users !== undefined) return await (await import('./users-access.ts')).usersAccess(users, now)
  if (options.copy !== undefined) copiesMeant([options.copy], config)
  const watch = new MirrorWatch(config, options.wait ?? true, io)
  const told = await askedVaults(options.copy, config)
  return new FoundAccess(await find(config, told, io), config, { io, now, watch, copy, told, identity })
}

/** @param io Told that the record cannot be read. */
function find(config: Config, told: ToldByVaults, io?: Io): Promise<KnownPoints> {
  // What lies on the disks can be read whatever has become of the record: older, newer, damaged.
  const read: ReadRecord = (from) => {
    try {
      return readPast(config, from)
    } catch (error) {
      io?.stderr(`hdsync: ${reasonOf(error)}: what the disks have is told without it\n`)
      return readNoPast(from)
    }
  }
  return knownPoints(config, read, { toldByVaults: told })
}

class FoundAccess implements Access {
  readonly isThroughDaemon = false
  readonly config: Config | undefined
  readonly #io: Io
  readonly #now: number
  readonly #runner: CommandRunner
  readonly #stop = new AbortController()
  readonly #slow = new Set<string>()
  readonly #copy: string | undefined
  readonly #watch: MirrorWatch | undefined
  readonly #told: ToldByVaults
  readonly #identity: string | undefined
  /** The vault that everything is fetched from. */
  readonly #from: FetchedFrom | undefined
  #found: KnownPoints
  #disks: Disks | undefined

  constructor(
    found: KnownPoints,
    config: Config | undefined,
    {
      io,
      now,
      watch,
      copy,
      told = new Map(),
      identity,
      from,
    }: {
      io: Io
      now: number
      watch?: MirrorWatch
      copy?: string | undefined
      told?: ToldByVaults
      identity?: string | undefined
      from?: FetchedFrom
    },
  ) {
    this.#from = from
    this.#identity = identity
    this.#copy = copy
    this.#told = told
    this.#found = { ...found, points: bySource(found.points) }
    this.config = config
    this.#io = io
    this.#now = now
    this.#watch = watch
    this.#runner = createRunner({ observer: unobserved, signal: this.#stop.signal, owner: 'read' })
  }

  get points() {
    const { points } = this.#found
    return this.#copy === undefined ? points : points.filter(({ copy }) => copy === this.#copy)
  }

  get absent() {
    return this.#found.absent
  }

  get sources() {
    return liveSources(this.#found.points, this.config)
  }

  place(word: string): Place {
    return placeOf(rawWord(word), this.sources)
  }

  async point(source: string, when: string | undefined): Promise<RestorePoint> {
    const pick = () =>
      pickPoint(
        when,
        this.points.filter((one) => one.source === source),
        source,
        this.#now,
      )
    const found = await this.#picked(pick, source)
    const place = this.#copiesOf(source).find(({ name }) => name === found.target)
    if (!place || !this.#canMount(place)) return found
    await this.#mount(place)
    return pick()
  }

  async #picked(pick: () => RestorePoint, source: string): Promise<RestorePoint> {
    try {
      return pick()
    } catch (error) {
      // What is kept longer may be on no record.
      const targets = [...this.#targetsOf(source), ...this.#copiesOf(source)]
      const absent = targets.filter((target) => this.#canMount(target))
      if (absent.length === 0) throw error
      // A disk that is away is not what was asked for.
      for (const target of absent) await this.#mount(target).catch(() => {})
      return pick()
    }
  }

  /** Where copies of a source lie: that is looked at where nothing else is left, or as somebody wants to. */
  #copiesOf(source: string): Target[] {
    const { config } = this
    if (isOfVault(this.#copy, config)) return []
    const wanted = this.#copy === undefined ? undefined : config?.copies?.[this.#copy]?.target
    const all = config ? copyTargetsWith(source, config) : []
    return wanted === undefined ? all : all.filter(({ name }) => name === wanted)
  }

  reader(point: RestorePoint): PointReader {
    if (this.#fetchedFrom(point))
      return onDemand(undefined, async () => this.#readerHere(await this.here(point)))
    const reason = this.absent.get(point.target)
    if (reason === undefined) return this.#readerHere(point)
    const target = this.config?.targets[point.target]
    const copied = this.#copied(point, reason)
    if (!target || !this.#canMount(target)) {
      if (copied) return copied
      throw absentError(point, reason)
    }
    return onDemand(copied, async () => {
      if (this.absent.has(target.name)) await this.#mount(target)
      const there = this.points.find(({ id }) => id === point.id)
      if (!there) throw new TerminalError(`${point.id} is not on the disk of target ${target.name} any more`)
      return this.#readerHere(there)
    })
  }

  here(point: RestorePoint): Promise<RestorePoint> {
    const tools = {
      runner: this.#runner,
      signal: this.#stop.signal,
      io: this.#io,
      identity: this.#identity,
    }
    return fetched(point, this.#found.files, this.#fetchedFrom(point), tools)
  }

  #fetchedFrom(point: RestorePoint): FetchedFrom | undefined {
    if (this.#from) return this.#from
    const place = vaultOf(point, this.config)
    return place && this.config && { place, state: this.config.state, inConfig: true }
  }

  #readerHere(point: RestorePoint): PointReader {
    const reader = readerOf(point, this.#runner, () => this.#tellSlow(point))
    return point.kind === 'mirror' ? (this.#watch?.watched(point.source, reader) ?? reader) : reader
  }

  /** Once for each source. */
  #tellSlow({ id, source }: RestorePoint): void {
    if (this.#slow.has(source)) return
    this.#slow.add(source)
    this.#io.stderr(`hdsync: ${slowText(id, source, this.config !== undefined)}\n`)
  }

  /** By the copy of a catalogue, if it knows it. A mirror is as the archive that was made of it. */
  #copied(point: RestorePoint, reason: string): PointReader | undefined {
    const like =
      point.kind === 'mirror'
        ? this.points.find(
            ({ source, kind, at }) => source === point.source && kind === 'weekday' && at === point.at,
          )
        : point
    const target = like && this.#absentTarget(like, () => absentError(point, reason))
    return like && target && isInCopy(like, target) ? copyReader(like, target) : undefined
  }

  #absentTarget(point: RestorePoint, refusal: () => Error): AbsentTarget | undefined {
    const target = this.config?.targets[point.target]
    if (!this.config || !target || point.kind === 'copy') return undefined
    return { ...target, stateDirectory: this.config.state, files: this.#found.files, refusal }
  }

  async together(points: readonly RestorePoint[]): Promise<Together[]> {
    const here = points.filter(({ kind }) => kind !== 'copy')
    const groups = Map.groupBy(here, ({ source, target }) => `${source} ${target}`)
    const found: Together[] = []
    for (const group of groups.values()) {
      const [first] = group
      const reason = first && this.absent.get(first.target)
      const target =
        first && reason !== undefined
          ? this.#absentTarget(first, () => absentError(first, reason))
          : undefined
      const known = reason === undefined || target ? await Together.open(group, target) : undefined
      if (known) found.push(known)
    }
    return found
  }

  uncatalogued(points: readonly RestorePoint[]): Promise<RestorePoint[]> {
    return uncataloguedAmong(points, { ...this.#found, state: this.config?.state })
  }

  async settle(source: string, waits: boolean): Promise<boolean> {
    const { config } = this
    if (!config || isOfVault(this.#copy, config)) return true
    if (!(await this.#borrow(config, waits))) return false
    for (const target of this.#targetsOf(source)) if (this.#canMount(target)) await this.#mount(target)
    this.#found = await find(config, this.#told)
    return true
  }

  async #borrow(config: Config, waits: boolean): Promise<Disks | undefined> {
    this.#disks ??= await Disks.borrow(config, this.#io, { kind: 'read', waits })
    const { signal } = this.#disks ?? {}
    signal?.addEventListener('abort', () => this.#stop.abort(signal.reason), { once: true })
    return this.#disks
  }

  #targetsOf(source: string): Target[] {
    return this.config ? targetsWith(source, this.config) : []
  }

  #canMount({ name, mounts }: Target): boolean {
    return this.absent.has(name) && mounts.length > 0 && process.geteuid?.() === 0
  }

  async #mount(target: Target): Promise<void> {
    const config = this.config as Config
    const disks = await this.#borrow(config, true)
    await disks?.mountToRead(target)
    this.#found = await find(config, this.#told)
  }

  exitCode(otherwise: number): number {
    return this.#watch?.isBusy ? exitCodes.busy : otherwise
  }

  async letGo(): Promise<void> {
    await this.#disks?.[Symbol.asyncDispose]()
    this.#disks = undefined
  }

  /** Safe to repeat. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.letGo()
    const state = this.#from?.state ?? this.config?.state
    if (state !== undefined) releaseFetched(state, Date.now())
    if (this.#from) (await import('./from-vault.ts')).leaveFolder(this.#from.state)
  }
}

function absentError({ target, id }: RestorePoint, reason: string): TerminalError {
  return new TerminalError(`the disk of target ${target}, which has ${id}, cannot be read: ${reason}`, {
    hint: `mount it, or name where it is mounted: --disk FOLDER`,
  })
}

async function fromDisk(path: string): Promise<KnownPoints> {
  if (isMissing(path)) throw new UsageError(`there is no folder ${path}`)
  const points = pointsOn({ target: basename(path), path })
  if (points.length > 0)
    return { points: await withProofs(points), absent: new Map(), files: new Map(), missing: [] }
  throw new UsageError(`there are no backups of hdsync in ${path}`, {
    hint: 'name the folder that has .hdsync-target in it, or the folders Monday to Sunday',
  })
}

/** What may not be looked at is not missing: whoever opens it says so. */
function isMissing(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined
  } catch {
    return false
  }
}
