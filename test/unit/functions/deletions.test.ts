import { describe, expect, test } from 'vitest'
import {
  backupStart,
  catalogue,
  type DataOf,
  type RunResult,
  runEnds,
  runHeld,
  sourceSynced,
  syncHeld,
  syncUnusual,
} from '../../../events/index.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/backup/load-functions.ts'
import { parseConfig } from '../../../runtime/config/config.ts'
import { TerminalError } from '../../../runtime/errors.ts'
import { Bench } from '../runtime/backup/bench.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { Box } from './box.ts'

const { functions } = await loadRegistry({ ours: ownFunctions, users: '/nowhere' }, catalogue)
const definitions = Object.fromEntries(functions.map(({ name, definition }) => [name, definition]))

function configOf(more = '') {
  return parseConfig(
    `sources: { usr: { path: /usr, target: hdd1${more} } }\ntargets: { hdd1: { path: /mnt/hdd1 } }`,
    'night.yaml',
  )
}

/** A directory that is backed up night after night; its mirror has 100 files. */
class Nights {
  readonly box = new Box(temporaryFolder())
  readonly bench: Bench
  #count = 0

  constructor(more = '') {
    this.bench = new Bench(definitions, { host: this.box, config: configOf(more) }).start()
  }

  /** How the run ended, and of what there was a dry run or a copy. */
  async next(...releases: string[]): Promise<{ state: RunResult['state'] | undefined; done: string[] }> {
    this.#count += 1
    const runId = `run${this.#count}`
    this.box.done.length = 0
    this.box.forecasts.length = 0
    await this.bench.emit(backupStart, releases.length > 0 ? { releases } : {}, runId)
    await this.bench.clock.advance(3_600_000)
    const [end] = this.bench.bus.events({ runId, types: runEnds.map(({ type }) => type) })
    const copies = this.box.done.filter((line) => line.startsWith('sync'))
    const state = (end?.data as RunResult | undefined)?.state
    return { state, done: [...this.box.forecasts.map((source) => `forecast ${source}`), ...copies] }
  }

  last<T>({ type }: { type: string }): T | undefined {
    return this.bench.bus.events({ types: [type], newestFirst: true, limit: 1 })[0]?.data as T
  }

  /** The id of the newest hold. */
  get hold(): string {
    return this.last<DataOf<typeof syncHeld>>(syncHeld)?.hold ?? ''
  }

  /** The first night, of whose mirror nothing is known. */
  static async afterFirst(more = ''): Promise<Nights> {
    const nights = new Nights(more)
    expect((await nights.next()).state).toBe('succeeded')
    return nights
  }
}
const good = (limit: number) => ({ state: 'succeeded', done: [`sync usr, deleting ${limit} at most`] })
const looked = (limit: number) => ({
  state: 'succeeded',
  done: ['forecast usr', `sync usr, deleting ${limit} at most`],
})

test('a mirror of which nothing is known is looked at by a dry run, and in the next night no more', async () => {
  const nights = new Nights()
  expect(await nights.next()).toEqual(looked(51))
  expect(nights.last<DataOf<typeof sourceSynced>>(sourceSynced)?.counted).toMatchObject({
    files: 100,
    notCopied: 0,
  })
  expect(await nights.next()).toEqual(good(50))
})

test('more than the limit is held as the dry run says, and the mirror left untouched', async () => {
  const nights = await Nights.afterFirst()
  nights.box.deletions.usr = 102
  expect(await nights.next()).toEqual({ state: 'held', done: ['forecast usr'] })
  expect(nights.last(syncHeld)).toEqual({
    source: 'usr',
    reason: 'deletions',
    deletions: 102,
    deleted: 0,
    mirrorFiles: 202,
    limit: 101,
    files: 102,
    folders: 0,
    byFolder: [{ path: '.', files: 102, folders: 0, whole: false }],
    hold: expect.stringMatching(/^[\da-f]{12}$/),
    digest: expect.stringMatching(/^[\da-f]{64}$/),
  })
  // Nobody knows what has been done to the mirror since.
  nights.box.deletions.usr = 2
  expect(await nights.next()).toEqual(looked(51))
  expect(await nights.next()).toEqual(good(50))
})

test('what is excluded, and only in the mirror, is no reason to hold', async () => {
  const nights = new Nights()
  nights.box.notCopied.usr = 60
  expect(await nights.next()).toEqual(looked(51))
  expect(await nights.next()).toEqual(looked(51))
  expect(nights.last<DataOf<typeof sourceSynced>>(sourceSynced)?.counted).toMatchObject({
    files: 100,
    notCopied: 60,
  })
  nights.box.notCopied.usr = 30
  // 30 that somebody removed may have been any.
  expect(await nights.next()).toEqual(good(36))
})

test('a limit in files needs no count', async () => {
  const nights = new Nights(', maxDelete: 3')
  expect(await nights.next()).toEqual(good(3))
  nights.box.deletions.usr = 4
  expect(await nights.next()).toEqual({ state: 'held', done: ['forecast usr'] })
  expect(await nights.next(nights.hold)).toEqual(looked(7))
})

test('with a figure for changes a dry run looks only where the names and times tell of too many', async () => {
  const nights = await Nights.afterFirst(', maxChange: 3')
  nights.box.changed.usr = ['a', 'b', 'c']
  expect(await nights.next()).toEqual(good(50))
  nights.box.changed.usr = ['a', 'b', 'c', 'd']
  expect(await nights.next()).toEqual({ state: 'held', done: ['forecast usr'] })
  expect(nights.last(syncHeld)).toMatchObject({
    reason: 'changes',
    changes: { files: 4, limit: 3, byFolder: [{ path: '.', files: 4 }] },
  })
  expect(nights.last(syncUnusual)).toMatchObject({ changed: 4, limit: 3, held: true })
  // What the list permits is permitted to be deleted too, as the list names it.
  expect(await nights.next(nights.hold)).toEqual(looked(53))
})

test('files that change while they are copied are told of where they are more than the figure', async () => {
  const nights = await Nights.afterFirst(', maxChange: 3')
  nights.box.beforeSync = () => {
    nights.box.changed.usr = ['a', 'b', 'c', 'd']
  }
  expect((await nights.next()).state).toBe('degraded')
  expect(nights.last(syncUnusual)).toEqual({ source: 'usr', changed: 4, files: 100, usual: null, limit: 3 })
})

test('none are deleted where none are permitted', async () => {
  const nights = new Nights(', maxDelete: 0')
  expect((await nights.next()).state).toBe('held')
  nights.box.deletions.usr = 0
  expect(await nights.next()).toEqual(good(0))
})

test.each<[string, number, (nights: Nights) => unknown]>([
  [
    'failed',
    0,
    ({ box }) => Object.assign(box, { beforeSync: () => Promise.reject(new TerminalError('no')) }),
  ],
  // What it deleted counts: another night is no reason to delete as many again.
  ['was stopped at its limit', 1, ({ box }) => Object.assign(box, { outcome: 'limited' })],
  ['lost files on the way', 0, ({ box }) => Object.assign(box, { outcome: 'vanished' })],
  ['could not read all of the mirror', 0, ({ box }) => box.unreadable.add('usr')],
])('after a night whose copy %s, a dry run looks', async (_, spent, happens) => {
  const nights = await Nights.afterFirst()
  happens(nights)
  await nights.next()
  const { beforeSync, outcome } = new Box()
  Object.assign(nights.box, { beforeSync, outcome })
  nights.box.unreadable.clear()
  expect(await nights.next()).toEqual(looked(51 - spent))
})

test('another disk, and a mirror after a crash, are looked at', async () => {
  const nights = await Nights.afterFirst()
  nights.box.mirror = 'disk2/2'
  expect(await nights.next()).toEqual(looked(51))
  nights.box.mirror = 'disk1/2'
  expect(await nights.next()).toEqual(good(50))
  nights.box.boots.current = 'boot2'
  expect(await nights.next()).toEqual(looked(51))
})

test('a copy that comes upon more deletions than names told is held', async () => {
  const nights = await Nights.afterFirst()
  nights.box.outcome = 'limited'
  const held = await nights.next()
  expect(held).toEqual({ state: 'held', done: ['forecast usr', 'sync usr, deleting 50 at most'] })
  expect(nights.last(syncHeld)).toMatchObject({
    deletions: 4,
    deleted: 2,
    mirrorFiles: 100,
    limit: 50,
    files: 2,
  })
})

describe('a release', () => {
  const old = Array.from({ length: 200 }, (_, n) => `old/${n}`)
  /** Held, as all of a folder is gone: 201 of 301 entries, 150 are allowed. */
  async function heldNights(): Promise<Nights> {
    const nights = await Nights.afterFirst()
    nights.box.gone.usr = ['old/', ...old]
    expect((await nights.next()).state).toBe('held')
    return nights
  }

  test('permits what the hold was about, and what the limit permits beside it', async () => {
    const nights = await heldNights()
    nights.box.gone.usr = [...(nights.box.gone.usr ?? []), 'other']
    expect(await nights.next(nights.hold)).toEqual(looked(201 + 151))
  })

  test('permits none of what else is gone by then beyond the limit: it is held again, as another hold', async () => {
    const nights = await heldNights()
    const { hold } = nights
    nights.box.gone.usr = Array.from({ length: 201 }, (_, n) => `precious/${n}`)
    expect(await nights.next(hold)).toEqual({ state: 'held', done: ['forecast usr'] })
    expect(nights.hold).not.toBe(hold)
    expect(nights.last(syncHeld)).toMatchObject({
      byFolder: [{ path: 'precious/', files: 201, whole: false }],
    })
    expect((await nights.next(nights.hold)).state).toBe('succeeded')
  })

  test('is void once a copy has succeeded, however much is gone after it', async () => {
    const nights = await heldNights()
    const { hold } = nights
    nights.box.gone.usr = []
    expect((await nights.next()).state).toBe('succeeded')
    nights.box.gone.usr = ['old/', ...old]
    expect((await nights.next(hold)).state).toBe('held')
  })

  test('is void once it is held anew', async () => {
    const nights = await heldNights()
    const { hold } = nights
    expect((await nights.next()).state).toBe('held')
    expect((await nights.next(hold)).state).toBe('held')
    expect((await nights.next(nights.hold)).state).toBe('succeeded')
  })

  test('is used up by one copy, also by one that fails', async () => {
    const nights = await heldNights()
    const { hold } = nights
    nights.box.beforeSync = () => Promise.reject(new TerminalError('no'))
    expect((await nights.next(hold)).state).toBe('failed')
    nights.box.beforeSync = () => {}
    expect((await nights.next(hold)).state).toBe('held')
  })

  test('is used by every try of its run', async () => {
    const nights = await heldNights()
    let tries = 0
    nights.box.beforeSync = () => {
      tries += 1
      if (tries === 1) throw new Error('rsync was broken off')
    }
    expect(await nights.next(nights.hold)).toMatchObject({ state: 'succeeded' })
    expect(tries).toBe(2)
  })

  test('of which nobody knows any more what it permits, permits nothing', async () => {
    const nights = await heldNights()
    nights.box.held.keep(nights.hold, ['another list'])
    expect((await nights.next(nights.hold)).state).toBe('held')
  })

  test('that an older version has asked for, by a number, permits nothing', async () => {
    const nights = await heldNights()
    await nights.bench.emit(backupStart, { allowDeletions: { usr: 1000 } }, 'old')
    await nights.bench.clock.advance(3_600_000)
    const [end] = nights.bench.bus.events({ runId: 'old', types: runEnds.map(({ type }) => type) })
    expect(end?.data).toMatchObject({ state: 'held' })
  })
})

describe('a directory that lies on another file system than at its last good copy', () => {
  const data = { id: 'UUID=da7a', type: 'ext4', at: '/usr', inode: '2' }
  const root = { id: 'UUID=2007', type: 'ext4', at: '/', inode: '77' }
  async function movedNights(): Promise<Nights> {
    const nights = new Nights()
    nights.box.fileSystemNow = data
    expect((await nights.next()).state).toBe('succeeded')
    nights.box.fileSystemNow = root
    return nights
  }

  test('is held, whatever the numbers, and both are named', async () => {
    const nights = await movedNights()
    expect(await nights.next()).toEqual({ state: 'held', done: ['forecast usr'] })
    expect(nights.last(syncHeld)).toMatchObject({
      reason: 'file-system',
      fileSystem: { was: data, is: root },
    })
    expect(nights.last<RunResult>(runHeld)?.sources[0]?.error).toBe(
      'lies on UUID=2007 (ext4, mounted at /), and lay on UUID=da7a (ext4, mounted at /usr) at its last good copy: is something not mounted? A copy would delete 2 files of 102 entries in the mirror: nothing was copied',
    )
    // Also when nothing at all has changed.
    nights.box.unchanged.add('usr')
    nights.box.untouched.add('usr')
    expect((await nights.next()).state).toBe('held')
  })

  test('is copied once somebody has said so, and from then on', async () => {
    const nights = await movedNights()
    await nights.next()
    expect((await nights.next(nights.hold)).state).toBe('succeeded')
    expect((await nights.next()).state).toBe('succeeded')
  })

  test('is held anew where it lies on a third one by then', async () => {
    const nights = await movedNights()
    await nights.next()
    nights.box.fileSystemNow = { ...root, id: 'tmpfs none' }
    expect((await nights.next(nights.hold)).state).toBe('held')
  })

  test('is copied when it is back, and what was released then is void', async () => {
    const nights = await movedNights()
    await nights.next()
    const { hold } = nights
    nights.box.fileSystemNow = data
    expect((await nights.next()).state).toBe('succeeded')
    nights.box.fileSystemNow = root
    expect((await nights.next(hold)).state).toBe('held')
  })

  test('is no reason to hold where it cannot be told, nor is another folder of the same one', async () => {
    const nights = await movedNights()
    nights.box.fileSystemNow = undefined
    expect((await nights.next()).state).toBe('succeeded')
    nights.box.fileSystemNow = { ...data, inode: '3' }
    expect((await nights.next()).state).toBe('succeeded')
  })
})
