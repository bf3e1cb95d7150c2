import { expect, test } from 'vitest'
import {
  backupStart,
  catalogue,
  type DataOf,
  type RunResult,
  runEnds,
  sourceSynced,
  syncHeld,
} from '../../../events/index.ts'
import { parseConfig } from '../../../runtime/config/config.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/engine/registry.ts'
import { TerminalError } from '../../../runtime/errors.ts'
import { Bench } from '../runtime/engine/bench.ts'
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
  readonly box = new Box()
  readonly bench: Bench
  #count = 0

  constructor(more = '') {
    this.bench = new Bench(definitions, { host: this.box, config: configOf(more) }).start()
  }

  /** How the run ended, and of what there was a dry run or a copy. */
  async next(allowed = 0): Promise<{ state: RunResult['state'] | undefined; done: string[] }> {
    this.#count += 1
    const runId = `run${this.#count}`
    this.box.done.length = 0
    this.box.forecasts.length = 0
    await this.bench.emit(backupStart, { allowDeletions: { usr: allowed } }, runId)
    await this.bench.clock.advance(3_600_000)
    const [end] = this.bench.bus.events({ runId, types: runEnds.map(({ type }) => type) })
    const copies = this.box.done.filter((line) => line.startsWith('sync'))
    const state = (end?.data as RunResult | undefined)?.state
    return { state, done: [...this.box.forecasts.map((source) => `forecast ${source}`), ...copies] }
  }

  last<T>({ type }: { type: string }): T | undefined {
    return this.bench.bus.events({ types: [type], newestFirst: true, limit: 1 })[0]?.data as T
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
    deletions: 102,
    deleted: 0,
    mirrorFiles: 202,
    limit: 101,
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
  expect(await nights.next(1)).toEqual(good(4))
})

test('none are deleted where none are permitted', async () => {
  const nights = new Nights(', maxDelete: 0')
  expect((await nights.next()).state).toBe('held')
  nights.box.deletions.usr = 0
  expect(await nights.next()).toEqual(good(0))
})

test.each<[string, (nights: Nights) => unknown]>([
  ['failed', ({ box }) => Object.assign(box, { beforeSync: () => Promise.reject(new TerminalError('no')) })],
  ['was stopped at its limit', ({ box }) => Object.assign(box, { outcome: 'limited' })],
  ['lost files on the way', ({ box }) => Object.assign(box, { outcome: 'vanished' })],
  ['could not read all of the mirror', ({ box }) => box.unreadable.add('usr')],
])('after a night whose copy %s, a dry run looks', async (_, happens) => {
  const nights = await Nights.afterFirst()
  happens(nights)
  await nights.next()
  const { beforeSync, outcome } = new Box()
  Object.assign(nights.box, { beforeSync, outcome })
  nights.box.unreadable.clear()
  expect(await nights.next()).toEqual(looked(51))
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
  expect(held).toEqual({ state: 'held', done: ['sync usr, deleting 50 at most'] })
  expect(nights.last(syncHeld)).toMatchObject({ deletions: 3, deleted: 2, mirrorFiles: 100, limit: 50 })
})
