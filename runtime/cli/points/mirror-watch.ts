import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { readPast } from '../../backup/past.ts'
import { type Syncing, syncing } from '../../backup/restore/mirror-writing.ts'
import type { Config } from '../../config/config.ts'
import { lockHolder } from '../../core/bus/sqlite/lock-holder.ts'
import { BusyError } from '../../errors.ts'
import type { PointReader } from '../../host/points/entry.ts'
import type { Io } from '../io.ts'

const pollMs = 500

/** Keeps what is read of a mirror from being half of one night and half of another without a word. */
export class MirrorWatch {
  readonly #config: Pick<Config, 'state'>
  readonly #waits: boolean
  readonly #io: Io
  /** Whether a mirror was not read, or written meanwhile. */
  isBusy = false

  /** @param waits Whether a sync that is going on is waited for. */
  constructor(config: Pick<Config, 'state'>, waits: boolean, io: Io) {
    this.#config = config
    this.#waits = waits
    this.#io = io
  }

  /** A reader of the mirror of a source that waits for a sync which writes it, and tells of one that has begun meanwhile. */
  watched(source: string, reader: PointReader): PointReader {
    const quiet = () => this.#quiet(source)
    const over = (before: Syncing) => this.#tellBegun(source, before)
    return {
      ...reader,
      async *entries(under, depth) {
        const before = await quiet()
        yield* reader.entries(under, depth)
        over(before)
      },
      read: (path) =>
        Readable.from(
          (async function* () {
            const before = await quiet()
            yield* reader.read(path)
            over(before)
          })(),
          { objectMode: false },
        ),
    }
  }

  /** @throws {BusyError} It is being written, and is not waited for. */
  async #quiet(source: string): Promise<Syncing> {
    for (let isTold = false; ; isTold = true) {
      const now = this.#look(source)
      if (now.run === undefined) return now
      if (!this.#isAtWork()) {
        this.#say(
          `run ${now.run} was cut off while it wrote the mirror of ${source}: it may be half of one night and half of another until the next run`,
        )
        return now
      }
      const writes = `run ${now.run} writes the mirror of ${source}`
      if (!this.#waits) {
        this.isBusy = true
        throw new BusyError(`${writes}: it was not read`, {
          hint: 'without --no-wait it is waited for; an archive can be read at once: --at, and an id of `hdsync backups`',
        })
      }
      if (!isTold) this.#say(`${writes}: waits for its end; an archive can be read at once: --at`)
      await sleep(pollMs)
    }
  }

  #tellBegun(source: string, before: Syncing): void {
    const { newest, run } = this.#look(source)
    if (newest === before.newest) return
    this.isBusy = true
    this.#say(
      `${run === undefined ? 'a run' : `run ${run}`} has begun to write the mirror of ${source} while it was read: what was told may be half of two nights; ask again`,
    )
  }

  /** Who works on the store writes; this process reads. */
  #isAtWork(): boolean {
    const holder = lockHolder(this.#config.state)
    return holder !== undefined && holder !== process.pid
  }

  #look(source: string): Syncing {
    try {
      return readPast(this.#config, (past) => syncing(source, past))
    } catch {
      // That the record cannot be read has been told.
      return { run: undefined, newest: undefined }
    }
  }

  #say(message: string): void {
    this.#io.stderr(`hdsync: ${message}\n`)
  }
}
