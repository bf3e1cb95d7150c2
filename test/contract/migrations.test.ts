import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { SqliteBus } from '../../runtime/core/bus/sqlite/bus.ts'
import { migrate, openDatabase, storeFile } from '../../runtime/core/bus/sqlite/database.ts'
import { UsageError } from '../../runtime/errors.ts'
import { Child } from '../unit/child.ts'
import { temporaryFolder } from '../unit/temporary-folder.ts'
import { steps, stepsTo, today } from './migration-steps.ts'
import { owed } from './publication.ts'
import { smallDisk, takeRoom } from './small-disk.ts'

const backupName = (version: number) => `${storeFile}.v${version}.backup`

/** A store of today's version, in use. */
class Store {
  readonly directory: string
  readonly file: string
  readonly database: DatabaseSync

  constructor(directory = temporaryFolder()) {
    this.directory = directory
    this.file = join(directory, storeFile)
    this.database = openDatabase(directory)
    onTestFinished(() => this.database.close())
  }

  async publish(id: string): Promise<void> {
    await new SqliteBus(this.database, this.directory).publish([owed(id)])
  }

  migrate(to: readonly string[]): void {
    migrate(this.database, this.file, to)
  }

  backups(): string[] {
    return readdirSync(this.directory).filter((name) => name.endsWith('.backup'))
  }

  /** The whole of the copy that was kept of a version. */
  backup(version: number) {
    const backup = new DatabaseSync(join(this.directory, backupName(version)), { readOnly: true })
    onTestFinished(() => backup.close())
    return contentsOf(backup)
  }

  get contents() {
    return contentsOf(this.database)
  }

  get trail() {
    const rows = this.database.prepare('SELECT step, events FROM trail ORDER BY rowid').all()
    return rows.map(({ step, events }) => [step, events])
  }
}

function contentsOf(database: DatabaseSync) {
  const check = database.prepare('PRAGMA integrity_check').all()
  expect(check).toEqual([{ integrity_check: 'ok' }])
  const events = database.prepare('SELECT id FROM event ORDER BY seq').all()
  const version = database.prepare('PRAGMA user_version').get()?.user_version
  return { later: Number(version) - today, events: events.map(({ id }) => id) }
}

test.each([[[3]], [[1, 3]], [[2, 3]], [[1, 2, 3]]])(
  'migrate() by way of %j takes each step once, in order, and keeps what each version left',
  async (stops) => {
    const store = new Store()
    const left: ReturnType<typeof contentsOf>[] = []
    for (const later of stops) {
      await store.publish(`before ${later}`)
      left.push(store.contents)
      store.migrate(stepsTo(later))
      store.migrate(stepsTo(later))
      expect(store.contents.later).toBe(later)
    }
    const found = (step: number) => 1 + stops.findIndex((later) => later >= step)
    expect(store.trail).toEqual([1, 2, 3].map((step) => [step, found(step)]))
    expect(store.backups().sort()).toEqual(left.map(({ later }) => backupName(today + later)).sort())
    expect(left.map(({ later }) => store.backup(today + later))).toEqual(left)
  },
)

test('migrate() goes all the way once the step that failed is put right, with a copy of that moment', async () => {
  const store = new Store()
  await store.publish('kept')
  for (const _ of [1, 2]) {
    expect(() => store.migrate([...stepsTo(2), 'NONSENSE'])).toThrow('NONSENSE')
    expect([store.contents, store.backup(today)]).toEqual(Array(2).fill({ later: 0, events: ['kept'] }))
  }
  await store.publish('meanwhile')
  store.migrate(steps)
  expect(store.trail).toEqual([1, 2, 3].map((step) => [step, 2]))
  expect(store.backup(today)).toEqual({ later: 0, events: ['kept', 'meanwhile'] })
})

test('migrate() replaces a copy that was cut short', async () => {
  const store = new Store()
  await store.publish('kept')
  writeFileSync(join(store.directory, backupName(today)), 'SQLite format 3')
  store.migrate(steps)
  expect(store.backup(today)).toEqual({ later: 0, events: ['kept'] })
})

test('migrate() is refused to every earlier hdsync, which keeps no copy and changes nothing', async () => {
  const store = new Store()
  store.migrate(steps)
  const backups = store.backups()
  await store.publish('of the newer one')
  for (const earlier of [0, 1, 2]) {
    expect(() => store.migrate(stepsTo(earlier))).toThrow(UsageError)
  }
  expect([store.contents, store.backups()]).toEqual([{ later: 3, events: ['of the newer one'] }, backups])
})

test('migrate() never brings a store back that a newer hdsync has brought forward in the meantime', async () => {
  const store = new Store()
  class Overtaken extends DatabaseSync {
    override exec(sql: string): void {
      if (sql === 'BEGIN IMMEDIATE') store.migrate(steps)
      super.exec(sql)
    }
  }
  const overtaken = new Overtaken(store.file)
  onTestFinished(() => overtaken.close())
  expect(() => migrate(overtaken, store.file, stepsTo(1))).toThrow(UsageError)
  expect(store.contents.later).toBe(3)
})

test('migrate() that is killed in the middle of a step has done nothing, and can be done again', async () => {
  const store = new Store()
  await store.publish('kept')
  // The last time, much of what the step has written is in the file already.
  for (const rows of [1, 50, 2000]) {
    const child = new Child(new URL('migration-child.ts', import.meta.url), store.directory)
    await child.printed(rows)
    await child.kill()
    expect([store.contents, store.backup(today)]).toEqual(Array(2).fill({ later: 0, events: ['kept'] }))
  }
  store.migrate(steps)
  expect(store.contents).toEqual({ later: 3, events: ['kept'] })
})

test('migrate() on a disk without room for the copy does nothing until there is some', async (context) => {
  const store = new Store(smallDisk(context, 2048))
  await store.publish('kept')
  const giveBack = takeRoom(store.directory)
  for (const _ of [1, 2]) {
    expect(() => store.migrate(steps)).toThrow('full')
    expect(store.contents).toEqual({ later: 0, events: ['kept'] })
  }
  giveBack()
  store.migrate(steps)
  expect([store.contents.later, store.backup(today)]).toEqual([3, { later: 0, events: ['kept'] }])
})

test('the steps are numbered from 1 on, none twice', () => {
  const folder = join(import.meta.dirname, '../../runtime/core/bus/sqlite/migrations')
  const numbers = readdirSync(folder).map((name) => Number(name.split('-')[0]))
  expect(numbers.sort((one, other) => one - other)).toEqual(numbers.map((_, index) => index + 1))
})
