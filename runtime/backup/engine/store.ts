import type { DatabaseSync } from 'node:sqlite'
import { catalogue } from '../../../events/index.ts'
import { SqliteBus } from '../../core/bus/sqlite/bus.ts'
import { holdLock, openDatabase } from '../../core/bus/sqlite/database.ts'
import { firstSeen } from '../../core/bus/sqlite/first-seen.ts'
import { Inbox } from '../../core/bus/sqlite/fleet/inbox.ts'
import { Outbox, tellHubOf } from '../../core/bus/sqlite/fleet/outbox.ts'
import { cannotWrite, freeBytes, storeError } from '../../core/bus/sqlite/health.ts'
import { lastBoot, noteBoot, storeId } from '../../core/bus/sqlite/identity.ts'
import { SqliteJournal } from '../../core/bus/sqlite/journal.ts'
import { keptResults, scheduleMemos } from '../../core/bus/sqlite/memos.ts'
import { isFull, Reserve } from '../../core/bus/sqlite/reserve.ts'
import { bootId } from '../../host/boots.ts'

/** With so much room on the disk of the state directory runs begin again. */
const enoughBytes = 8 * 1024 * 1024

/** What a host of a fleet tells its hub. */
export const toldTypes: readonly string[] = [...catalogue.values()]
  .filter(({ fleet }) => fleet)
  .map(({ type }) => type)

/** The event store in a state directory, held by this process alone, and the room on its disk. */
export class Store {
  readonly bus: SqliteBus
  readonly journal: SqliteJournal
  readonly id: string
  /** What the hub of a fleet is told; only on a host of one. */
  readonly outbox: Outbox | undefined
  /** What a hub keeps of its hosts. */
  readonly inbox: Inbox
  /** Since the last process used the store. */
  readonly machineWentDown: boolean
  readonly #directory: string
  readonly #database: DatabaseSync
  readonly #reserve: Reserve
  readonly #unlock: () => void
  /** The reserve is used up: no run begins. */
  #isRelieved = false
  /** The last thing that was asked for could not be recorded. */
  #isDoubtful = false

  private constructor(
    directory: string,
    database: DatabaseSync,
    reserve: Reserve,
    unlock: () => void,
    told: readonly string[],
  ) {
    this.#directory = directory
    this.#database = database
    this.#reserve = reserve
    this.#unlock = unlock
    this.bus = new SqliteBus(database, directory)
    this.journal = new SqliteJournal(database, catalogue)
    this.id = storeId(database)
    if (told.length === 0) tellHubOf(database, [])
    this.outbox = told.length > 0 ? new Outbox(database, told) : undefined
    this.inbox = new Inbox(database)
    this.machineWentDown = ![bootId(), undefined].includes(lastBoot(database))
  }

  /**
   * @param told The events that the hub of a fleet is told of; none unless this is a host of one.
   * @returns undefined when another process holds the lock.
   * @throws {UsageError} The store cannot be opened.
   */
  static open(directory: string, told: readonly string[] = []): Store | undefined {
    const unlock = holdLock(directory)
    if (!unlock) return undefined
    try {
      const reserve = new Reserve(directory)
      return new Store(directory, openWithReserve(directory, reserve), reserve, unlock, told)
    } catch (error) {
      unlock()
      throw error
    }
  }

  /** Notes that what the last process left has been set right. */
  noteBoot(): void {
    noteBoot(this.#database, bootId())
  }

  /** When each source was first in the config, in milliseconds since the epoch. */
  firstSeen(sources: readonly string[], now: number): Map<string, number> {
    return firstSeen(this.#database, sources, now)
  }

  /** What is remembered of schedules, by function. */
  get schedules() {
    return scheduleMemos(this.#database)
  }

  /** What a delivery has done once, and need not do again. */
  kept(deliveryId: number) {
    return keptResults(this.#database, deliveryId)
  }

  /** Gives the reserve to a disk that is full. @returns Whether that lets the bus go on. */
  relieve(error: Error): boolean {
    if (!isFull(error) || !this.#reserve.release()) return false
    this.#isRelieved = true
    return true
  }

  /** Whether there is room again after `relieve`. The reserve is filled then. */
  recover(): boolean {
    if (!this.#isRelieved || freeBytes(this.#directory) < enoughBytes) return false
    this.#isRelieved = false
    this.#reserve.fill()
    return true
  }

  /** Records something that was asked for. @throws {StoreError} It is not recorded. */
  async record<T>(write: () => Promise<T>): Promise<T> {
    try {
      const result = await write()
      this.#isDoubtful = false
      return result
    } catch (error) {
      this.#isDoubtful = true
      throw storeError(error as Error, this.#directory)
    }
  }

  /** Why nothing can be recorded now, if so. */
  unready(): Error | undefined {
    const reason = this.bus.lost() ?? cannotWrite(this.#database, this.#directory, this.#isDoubtful)
    if (!reason) this.#isDoubtful = false
    return reason
  }

  close(): void {
    this.bus.close()
    this.#unlock()
  }
}

/** On a full disk, with the room that is held back. */
function openWithReserve(directory: string, reserve: Reserve): DatabaseSync {
  try {
    const database = openDatabase(directory)
    reserve.fill()
    return database
  } catch (error) {
    if (!isFull(error) || !reserve.release()) throw error
    return openDatabase(directory)
  }
}
