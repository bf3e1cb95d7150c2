import { type FetchedFrom, type Opening, vaultOf } from '../../backup/copies/vault-point.ts'
import { readNoPast, readPast } from '../../backup/past.ts'
import {
  bySource,
  type KnownPoints,
  knownPoints,
  liveSources,
  type ReadRecord,
} from '../../backup/restore/known-points.ts'
import { type Place, placeOf } from '../../backup/restore/place.ts'
import { copyTargetsWith, targetsWith } from '../../backup/restore/point-named.ts'
import { pickPoint } from '../../backup/restore/when.ts'
import type { Config, Target } from '../../config/config.ts'
import { reasonOf, TerminalError } from '../../errors.ts'
import { type AbsentTarget, copyReader, isInCopy } from '../../host/archive/catalogue/copy-reader.ts'
import { Together } from '../../host/archive/catalogue/together.ts'
import { type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import { releaseFetched } from '../../host/copies/vault/fetched.ts'
import type { PointReader } from '../../host/points/entry.ts'
import { readerOf } from '../../host/points/reader.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { Disks } from '../daemon/disks.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import type { Access } from './access.ts'
import type { MirrorWatch } from './mirror-watch.ts'
import { onDemand } from './on-demand.ts'
import { rawWord } from './raw-words.ts'
import { slowText } from './stale-text.ts'
import { uncataloguedAmong } from './uncatalogued-among.ts'
import { fetched, isOfVault, type ToldByVaults } from './vault-access.ts'

/** Restore points that were found: it mounts their disks where one is read, and fetches what lies in a vault. */
export class FoundAccess implements Access {
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
  readonly #opening: Opening
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
      opening = {},
      from,
    }: {
      io: Io
      now: number
      watch?: MirrorWatch
      copy?: string | undefined
      told?: ToldByVaults
      opening?: Opening
      from?: FetchedFrom
    },
  ) {
    this.#from = from
    this.#opening = opening
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
      opening: this.#opening,
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

/** What is known of the restore points of a config. @param io Told that the record cannot be read. */
export function find(config: Config, told: ToldByVaults, io?: Io): Promise<KnownPoints> {
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
