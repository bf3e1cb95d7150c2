import { execFileSync } from 'node:child_process'
import type { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import type { Delivery, Publication, Settlement } from '../../runtime/core/bus/bus.ts'
import { SqliteBus } from '../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../runtime/core/bus/sqlite/database.ts'
import { isFull } from '../../runtime/core/bus/sqlite/reserve.ts'
import { UsageError } from '../../runtime/errors.ts'
import { owed } from './publication.ts'
import { smallDisk, takeRoom } from './small-disk.ts'

/** A store on a small disk. */
class Store {
  readonly disk: string
  bus: SqliteBus
  #database: DatabaseSync

  constructor(context: TestContext, sizeKib: number) {
    this.disk = smallDisk(context, sizeKib)
    this.#database = openDatabase(this.disk)
    this.bus = new SqliteBus(this.#database, this.disk)
    onTestFinished(() => {
      if (this.#database.isOpen) this.#database.close()
    })
  }

  reopen(): void {
    if (this.#database.isOpen) this.close()
    this.#database = openDatabase(this.disk)
    this.bus = new SqliteBus(this.#database, this.disk)
  }

  close(): void {
    this.#database.close()
  }

  /** Publishes one event after the other until one is refused. @returns Which were taken, and which was not. */
  async fill(): Promise<{ taken: string[]; refused: Publication }> {
    const taken: string[] = []
    for (let number = 0; ; number++) {
      const publication = big(`e${number}`)
      try {
        await this.bus.publish([publication])
      } catch (error) {
        expect(error).toSatisfy(isFull)
        return { taken, refused: publication }
      }
      taken.push(publication.event.id)
    }
  }

  async claim(): Promise<Delivery> {
    const { claimed } = await this.bus.exchange({ now: 0, renew: [], settle: [], claim: 1, leaseMs: 1000 })
    if (!claimed[0]) throw new Error('nothing is ready')
    return claimed[0]
  }

  settle(...settle: Settlement[]) {
    return this.bus.exchange({ now: 0, renew: [], settle, claim: 0, leaseMs: 1000 })
  }

  stored(): string[] {
    return this.bus.events({}).map(({ id }) => id)
  }

  owed(): string[] {
    return this.bus.open().map(({ eventId }) => eventId)
  }

  attempts(): number {
    return Number(this.#database.prepare('SELECT count(*) AS count FROM try').get()?.count)
  }

  expectIntact(): void {
    expect(this.#database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
  }
}

/** An event that fills a page of the store. */
const big = (id: string, bytes = 3000) => owed(id, {}, { data: { id, text: 'x'.repeat(bytes) } })

describe('publish() on a full disk', () => {
  // At 1 MiB all of it is still in the log; at 16 MiB the log has been written back time and again.
  test.for([
    { sizeKib: 1024, atLeast: 8 },
    { sizeKib: 16 * 1024, atLeast: 350 },
  ])(
    'loses nothing that was taken, and leaves no trace of the rest ($sizeKib KiB)',
    async ({ sizeKib, atLeast }, context) => {
      const store = new Store(context, sizeKib)
      const giveBack = takeRoom(store.disk, sizeKib * 512)
      const { taken, refused } = await store.fill()
      expect(taken.length).toBeGreaterThan(atLeast)
      for (const again of [1, 2])
        await expect(store.bus.publish([refused]), `${again}`).rejects.toSatisfy(isFull)
      expect([store.stored(), store.owed()]).toEqual([taken, taken])
      store.expectIntact()
      giveBack()
      expect(await store.bus.publish([refused])).toEqual({ taken: [true] })
      store.reopen()
      const all = [...taken, refused.event.id]
      expect([store.stored(), store.owed()]).toEqual([all, all])
      store.expectIntact()
    },
  )

  test('takes all or nothing of several events', async (context) => {
    const store = new Store(context, 1024)
    await expect(store.bus.publish([owed('small'), big('too big', 2 ** 20)])).rejects.toSatisfy(isFull)
    expect([store.stored(), store.owed()]).toEqual([[], []])
    expect(await store.bus.publish([owed('small')])).toEqual({ taken: [true] })
    store.expectIntact()
  })
})

describe('exchange() on a full disk', () => {
  test('settles, with all that it emits, once there is room, and not at all before', async (context) => {
    const store = new Store(context, 1024)
    await store.bus.publish([owed('first'), owed('second')])
    const delivery = await store.claim()
    const giveBack = takeRoom(store.disk)
    const attempt = { startedAt: 0, endedAt: 1 }
    const publications = [owed('child'), big('big child', 9000)]
    const done: Settlement = { outcome: 'done', delivery, attempt, publications }
    const before = store.bus.open()
    for (const again of [1, 2]) await expect(store.settle(done), `${again}`).rejects.toSatisfy(isFull)
    expect([store.stored(), store.bus.open(), store.attempts()]).toEqual([['first', 'second'], before, 0])
    giveBack()
    expect((await store.settle(done)).settled).toEqual([true])
    expect((await store.settle(done)).settled).toEqual([false])
    store.reopen()
    expect(store.stored()).toEqual(['first', 'second', 'child', 'big child'])
    expect(store.owed()).toEqual(['second', 'child', 'big child'])
    expect(store.attempts()).toBe(1)
    store.expectIntact()
  })

  test('does not count a claim that it could not record', async (context) => {
    const store = new Store(context, 1024)
    await store.bus.publish([owed('first')])
    const giveBack = takeRoom(store.disk)
    await expect(store.claim()).rejects.toSatisfy(isFull)
    expect(store.bus.open()).toMatchObject([{ state: 'ready', tries: 0 }])
    giveBack()
    expect((await store.claim()).tries).toBe(1)
  })
})

test('a store closed on a full disk is opened or refused, and holds everything once there is room', async (context) => {
  const store = new Store(context, 1024)
  const { taken } = await store.fill()
  store.close()
  const giveBack = takeRoom(store.disk)
  try {
    openDatabase(store.disk).close()
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
  }
  giveBack()
  // What the store itself has left is too little to open it.
  execFileSync('mount', ['-o', 'remount,size=2m', store.disk])
  store.reopen()
  expect([store.stored(), store.owed()]).toEqual([taken, taken])
  store.expectIntact()
})
