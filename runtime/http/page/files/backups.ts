import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { readByCommand } from '../../../backup/copies/vault-point.ts'
import { whenDue } from '../../../backup/engine/when-due.ts'
import { weekOfNightsMs } from '../../../backup/keep/keeping.ts'
import { type KnownPoints, knownPoints } from '../../../backup/restore/known-points.ts'
import { pickPoint } from '../../../backup/restore/when.ts'
import type { Target } from '../../../config/config.ts'
import { copyReader, isInCopy } from '../../../host/archive/catalogue/copy-reader.ts'
import { Together } from '../../../host/archive/catalogue/together.ts'
import { createRunner, unobserved } from '../../../host/command/command.ts'
import type { PointReader } from '../../../host/points/entry.ts'
import { readerOf } from '../../../host/points/reader.ts'
import type { RestorePoint } from '../../../host/points/restore-point.ts'
import { Problem } from '../../problem.ts'
import type { PageContext } from '../context.ts'

/**
 * The backups as a request finds them. What is in an archive is told without its disk where a catalogue is copied; for what is in
 * a file the disk is mounted, unless a run is going on.
 */
export class Backups {
  readonly #page: PageContext
  readonly #known: KnownPoints
  readonly #signal: AbortSignal

  private constructor(page: PageContext, known: KnownPoints, signal: AbortSignal) {
    this.#page = page
    this.#known = known
    this.#signal = signal
  }

  /**
   * @param signal Aborted when nobody waits for the answer any more.
   * @param source Of one alone; of all, what is older than a week is told by the disks only.
   */
  static async open(page: PageContext, signal: AbortSignal, source?: string): Promise<Backups> {
    const wanted = source === undefined ? { since: page.clock.now() - weekOfNightsMs } : { source }
    return new Backups(page, await knownPoints(page.config, (from) => from(page.engine), wanted), signal)
  }

  /** By source, the newest first. */
  get points(): readonly RestorePoint[] {
    return this.#known.points
  }

  /** @throws {Problem} There is no such source, or nothing of it. */
  of(source: string): RestorePoint[] {
    const own = this.points.filter((point) => point.source === source)
    if (own.length > 0) return own
    throw new Problem('unknown-path', `There is no restore point of ${JSON.stringify(source)} yet.`)
  }

  /** @throws {UsageError} There is no such restore point. */
  point(source: string, at: string | undefined): RestorePoint {
    return pickPoint(at, this.of(source), source, this.#page.clock.now())
  }

  /** What tells which entries a restore point has. @throws {Problem} Its disk is not there, and no catalogue tells. */
  lister(point: RestorePoint): PointReader {
    const reason = this.#known.absent.get(point.target)
    if (reason === undefined) return readerOf(point, this.#runner())
    const copied = this.#copied(point)
    if (copied) return copied
    const byCommand = readByCommand(point, this.#page.config)
    if (byCommand) throw new Problem('unavailable', byCommand.message, byCommand)
    throw new Problem(
      'unavailable',
      `The disk of ${point.target}, which has ${point.id}, cannot be read: ${reason}`,
      {
        hint: `hdsync ls ${point.source} --at ${point.id} mounts it`,
      },
    )
  }

  /** A mirror is as the archive that was made of it. */
  #copied(point: RestorePoint): PointReader | undefined {
    const like =
      point.kind === 'mirror'
        ? this.points.find(
            ({ source, kind, at }) => source === point.source && kind === 'weekday' && at === point.at,
          )
        : point
    const target = like && this.#absent(like)
    return like && target && isInCopy(like, target) ? copyReader(like, target) : undefined
  }

  #absent(point: RestorePoint) {
    const target = this.#page.config.targets[point.target]
    const refusal = () => new Problem('unavailable', `The disk of ${point.target} is not mounted.`)
    return target && { ...target, stateDirectory: this.#page.config.state, files: this.#known.files, refusal }
  }

  /** The archives of a source that catalogues know, a group for each disk. Each is to be disposed of. */
  async together(source: string): Promise<Together[]> {
    const archives = this.of(source).filter(({ kind }) => kind !== 'copy')
    const groups = Map.groupBy(archives, ({ target }) => target)
    const found: Together[] = []
    for (const [target, points] of groups) {
      const [first] = points
      const isAbsent = this.#known.absent.has(target)
      const known = first && (await Together.open(points, isAbsent ? this.#absent(first) : undefined))
      if (known) found.push(known)
    }
    return found
  }

  /**
   * Reads contents. Where the disk has to be mounted for it, no run begins meanwhile, for a minute at most.
   * @param make Makes the stream, which is read to its end by whoever asked.
   * @throws {Problem} A run is going on that has the disk, or it cannot be mounted.
   */
  async read(point: RestorePoint, make: (reader: PointReader) => Readable): Promise<Readable> {
    if (!this.#known.absent.has(point.target)) return heard(make(readerOf(point, this.#runner())))
    const { engine, config, clock } = this.#page
    const byCommand = readByCommand(point, config)
    if (byCommand) throw new Problem('unavailable', byCommand.message, byCommand)
    if (!config.targets[point.target]) throw this.#missing(point)
    const going = engine.current()
    if (going !== undefined)
      throw new Problem('another-run', `Run ${going} is going on, and the disk is not free.`)
    const opened = Promise.withResolvers<Readable>()
    engine
      .look([config.targets[point.target] as Target], async () => {
        const again = await Backups.open(this.#page, this.#signal, point.source)
        const there = again.points.find(({ id }) => id === point.id)
        if (!there || again.#known.absent.has(there.target)) throw this.#missing(point)
        const stream = heard(make(readerOf(there, again.#runner())))
        opened.resolve(stream)
        // A night that is due does not wait long for somebody who downloads.
        const stop = whenDue(engine, clock, () => stream.destroy(new Error('a run is due')))
        await finished(stream).catch(() => {})
        stop()
      })
      .catch(opened.reject)
    return opened.promise
  }

  #missing({ id, target }: RestorePoint): Problem {
    return new Problem('unavailable', `${id} cannot be read: the disk of ${target} cannot be mounted.`, {
      hint: 'hdsync check says why',
    })
  }

  #runner() {
    return createRunner({ observer: unobserved, signal: this.#signal, owner: 'read' })
  }
}

/** One that has failed before anybody reads it would end the daemon: whoever reads it is told all the same. */
function heard(stream: Readable): Readable {
  return stream.on('error', () => {})
}
