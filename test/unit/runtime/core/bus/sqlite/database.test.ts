import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test } from 'vitest'
import { SqliteBus } from '../../../../../../runtime/core/bus/sqlite/bus.ts'
import {
  holdLock,
  migrate,
  openDatabase,
  storeFile,
} from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { storeId } from '../../../../../../runtime/core/bus/sqlite/identity.ts'
import { migrations } from '../../../../../../runtime/core/bus/sqlite/migrations.ts'
import { transaction } from '../../../../../../runtime/core/bus/sqlite/transaction.ts'
import { UsageError } from '../../../../../../runtime/errors.ts'
import { Child } from '../../../../child.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

type Database = ReturnType<typeof openDatabase>

function open(directory: string): Database {
  const database = openDatabase(directory)
  onTestFinished(() => {
    if (database.isOpen) database.close()
  })
  return database
}

/** What it throws. */
function errorOf(body: () => unknown): unknown {
  try {
    body()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe('openDatabase()', () => {
  test('makes a private folder, also below one that is missing', () => {
    const directory = join(temporaryFolder(), 'var', 'state')
    open(directory)
    expect(modeOf(directory)).toBe('700')
  })

  test('leaves the mode of a folder that is there as it is', () => {
    const directory = temporaryFolder()
    chmodSync(directory, 0o750)
    open(directory)
    expect(modeOf(directory)).toBe('750')
  })

  test('keeps every file of the store to its owner, whatever the umask', () => {
    const before = process.umask(0)
    onTestFinished(() => {
      process.umask(before)
    })
    const directory = temporaryFolder()
    const unlock = holdLock(directory)
    const database = open(directory)
    const stop = new SqliteBus(database, directory).watch(() => {})
    const modes = readdirSync(directory).map((file) => `${file} ${modeOf(join(directory, file))}`)
    expect(modes).toEqual(
      expect.arrayContaining([`${storeFile} 600`, `${storeFile}-wal 600`, 'doorbell 600']),
    )
    expect(modes.filter((line) => !line.endsWith(' 600'))).toEqual([])
    stop()
    unlock?.()
  })

  test.each([
    ['journal_mode', 'wal'],
    // 2 is FULL, and of auto_vacuum INCREMENTAL; see sqlite.org/pragma.html.
    ['synchronous', 2],
    ['auto_vacuum', 2],
    ['foreign_keys', 1],
    ['busy_timeout', 5000],
  ])('sets %s to %s, also on a store that is there', (pragma, value) => {
    const directory = temporaryFolder()
    open(directory).close()
    expect(Object.values(open(directory).prepare(`PRAGMA ${pragma}`).get() ?? {})).toEqual([value])
  })

  test('gives a store a name of its own, and keeps it', () => {
    const directory = temporaryFolder()
    const first = open(directory)
    const name = storeId(first)
    first.close()
    expect(name).toMatch(/^[\w-]{8}$/)
    expect(storeId(open(directory))).toBe(name)
    expect(storeId(open(temporaryFolder()))).not.toBe(name)
  })

  test('gives the name to a store that takes the place of one that was moved away', () => {
    const folder = temporaryFolder()
    const first = open(folder)
    const name = storeId(first)
    first.close()
    for (const file of readdirSync(folder).filter((one) => one.startsWith(storeFile)))
      rmSync(join(folder, file))
    expect(storeId(open(folder))).toBe(name)
    expect(storeId(open(temporaryFolder()))).not.toBe(name)
  })

  test('says so when the name cannot be kept beside it', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'store-id'))
    expect(errorOf(() => open(folder))).toMatchObject({
      message: expect.stringMatching(/^cannot open the event store .*EISDIR/),
    })
  })

  test('refuses a store of a newer hdsync, and leaves it as it is', () => {
    const directory = temporaryFolder()
    const database = open(directory)
    database.exec('PRAGMA user_version = 1000')
    database.close()
    const error = errorOf(() => openDatabase(directory))
    expect(error).toBeInstanceOf(UsageError)
    expect(error).toMatchObject({
      message: `the event store ${join(directory, storeFile)} was made by a newer hdsync (version 1000)`,
      hint: expect.stringContaining('install the newer one again'),
    })
    expect(errorOf(() => openDatabase(directory))).toEqual(error)
  })

  test('refuses a file that is not a store, and leaves it as it is', () => {
    const directory = temporaryFolder()
    const file = join(directory, storeFile)
    const text = 'my shopping list, which is long enough to be taken for a header\n'.repeat(20)
    writeFileSync(file, text)
    const error = errorOf(() => openDatabase(directory))
    expect(error).toBeInstanceOf(UsageError)
    expect(error).toMatchObject({ message: `the event store ${file} is damaged: file is not a database` })
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  test('refuses a state directory that cannot be made', () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    const error = errorOf(() => openDatabase(join(file, 'state')))
    expect(error).toBeInstanceOf(UsageError)
    expect(error).toMatchObject({
      message: expect.stringContaining(`cannot make the state directory ${join(file, 'state')}: ENOTDIR`),
      hint: expect.stringContaining('`state:`'),
    })
  })

  test('refuses a state directory that is a file', () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    expect(errorOf(() => openDatabase(file))).toBeInstanceOf(UsageError)
  })

  test('makes one store for processes that come at the same time', async () => {
    const directory = join(temporaryFolder(), 'state')
    const opener = new URL('opener.ts', import.meta.url)
    const exits = await Promise.all([1, 2, 3, 4].map(() => new Child(opener, directory).ended()))
    expect(exits).toEqual([0, 0, 0, 0])
    expect(storeId(open(directory))).toMatch(/^[\w-]{8}$/)
  })
})

describe('migrate()', () => {
  const steps = [...migrations, 'CREATE TABLE more (x INTEGER)']

  test('keeps a private copy of what an earlier version left, then brings the store forward', () => {
    const directory = temporaryFolder()
    const file = join(directory, storeFile)
    const database = open(directory)
    const name = storeId(database)
    migrate(database, file, steps)
    expect(database.prepare('SELECT * FROM more').all()).toEqual([])
    const backup = join(directory, `${storeFile}.v${migrations.length}.backup`)
    expect(modeOf(backup)).toBe('600')
    const restored = temporaryFolder()
    copyFileSync(backup, join(restored, storeFile))
    expect(storeId(open(restored))).toBe(name)
  })

  test('leaves the store as it was when a step fails', () => {
    const directory = temporaryFolder()
    const database = open(directory)
    expect(() => migrate(database, join(directory, storeFile), [...steps, 'NONSENSE'])).toThrow('NONSENSE')
    expect(Object.values(database.prepare('PRAGMA user_version').get() ?? {})).toEqual([migrations.length])
    expect(() => database.prepare('SELECT * FROM more')).toThrow('no such table')
  })
})

describe('transaction()', () => {
  test('takes everything back when its body throws', () => {
    const database = open(temporaryFolder())
    const body = () => {
      database.exec("INSERT INTO meta VALUES ('a', 'b')")
      throw new Error('no')
    }
    expect(() => transaction(database, body)).toThrow('no')
    expect(database.isTransaction).toBe(false)
    expect(database.prepare("SELECT * FROM meta WHERE key = 'a'").all()).toEqual([])
  })

  test('throws what went wrong even when SQLite has rolled back by itself', () => {
    const database = open(temporaryFolder())
    const body = () => {
      database.exec('ROLLBACK')
      throw new Error('disk full')
    }
    expect(() => transaction(database, body)).toThrow('disk full')
  })
})

describe('holdLock()', () => {
  const holder = new URL('lock-holder.ts', import.meta.url)

  test('keeps out another process until it is given back', async () => {
    const directory = temporaryFolder()
    const unlock = holdLock(directory)
    const refused = new Child(holder, directory)
    await refused.printed(1)
    expect(refused.lines).toEqual(['refused'])
    unlock?.()
    const taken = new Child(holder, directory)
    await taken.printed(1)
    expect(taken.lines).toEqual(['held'])
  })

  test('answers nothing while another process has it, and has it once that one is killed', async () => {
    const directory = temporaryFolder()
    const child = new Child(holder, directory)
    await child.printed(1)
    expect(holdLock(directory)).toBeUndefined()
    await child.kill()
    const unlock = holdLock(directory)
    expect(unlock).toBeTypeOf('function')
    unlock?.()
  })

  test('is had by one of two that ask in the same moment', async () => {
    const directories = Array.from({ length: 20 }, () => temporaryFolder())
    // One process has one view of a file, of which it gives back all locks when it closes a file of its own.
    for (const directory of directories) holdLock(directory)?.()
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const racers = [0, 1].map(
      () => new Worker(new URL('lock-racer.ts', import.meta.url), { workerData: { directories, gate } }),
    )
    onTestFinished(async () => {
      await Promise.all(racers.map((racer) => racer.terminate()))
    })
    const [ones = [], others = []] = await Promise.all(
      racers.map(async (racer): Promise<boolean[]> => (await once(racer, 'message'))[0]),
    )
    expect(ones.map((won, round) => Number(won) + Number(others[round]))).toEqual(directories.map(() => 1))
  })

  test('does not keep a reader from the store', () => {
    const directory = temporaryFolder()
    const unlock = holdLock(directory)
    expect(storeId(open(directory))).toMatch(/./)
    unlock?.()
  })

  test.each([
    ['that is a file', (folder: string) => writeFileSync(join(folder, 'state'), '')],
    [
      'whose lock is a folder',
      (folder: string) => mkdirSync(join(folder, 'state', 'lock'), { recursive: true }),
    ],
  ])('refuses a state directory %s, and says which', (_, prepare) => {
    const folder = temporaryFolder()
    prepare(folder)
    const error = errorOf(() => holdLock(join(folder, 'state')))
    expect(error).toBeInstanceOf(UsageError)
    expect(error).toMatchObject({ message: expect.stringContaining(join(folder, 'state')) })
  })
})
