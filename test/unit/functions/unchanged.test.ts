import { describe, expect, test } from 'vitest'
import {
  backupStart,
  catalogue,
  type DataOf,
  type RunResult,
  runEnds,
  runWarned,
  sourceArchived,
  sourceFailed,
  sourceSynced,
} from '../../../events/index.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/backup/load-functions.ts'
import { parseConfig } from '../../../runtime/config/config.ts'
import { RetryableError, TerminalError } from '../../../runtime/errors.ts'
import { Bench } from '../runtime/backup/bench.ts'
import { Box } from './box.ts'

const volume = 'lv: vg01/lv_var, mount: { attempts: 2, backoff: 1s..1s }'
const configFor = (keep: string, place: string) =>
  parseConfig(
    `
sources: { var: { ${place}, target: hdd1 } }
targets: { hdd1: { path: /mnt/hdd1 }, hdd9: { path: /mnt/hdd9 } }
archive: { target: hdd9 }
keep: ${keep}
alert: { after: 1d }
`,
    'night.yaml',
  )
const { functions } = await loadRegistry({ ours: ownFunctions, users: '/nowhere' }, catalogue)
const definitions = Object.fromEntries(functions.map(({ name, definition }) => [name, definition]))

/** A server that is backed up night after night. */
class Nights {
  readonly box = new Box()
  readonly bench: Bench
  #count = 0

  constructor(keep: string, place: string) {
    this.bench = new Bench(definitions, { host: this.box, config: configFor(keep, place) }).start()
  }

  /** What was done, and how the run ended. */
  async next(): Promise<{ done: string[]; state: RunResult['state'] | undefined }> {
    this.#count += 1
    const runId = `run${this.#count}`
    this.box.done.length = 0
    await this.bench.emit(backupStart, {}, runId)
    await this.bench.clock.advance(3_600_000)
    const [end] = this.bench.bus.events({ runId, types: runEnds.map(({ type }) => type) })
    const done = this.box.done.filter((line) => /^(sync|flush|archive|link) /.test(line))
    return {
      done: done.map((line) => line.replace(/,.*/, '')),
      state: (end?.data as RunResult | undefined)?.state,
    }
  }

  /** A first night, with an archive. */
  static async afterFirst(keep = '1d', place = volume): Promise<Nights> {
    const nights = new Nights(keep, place)
    expect((await nights.next()).done).toEqual(['sync var', 'flush var', 'archive var on Thursday'])
    return nights
  }

  last<E extends { type: string; schema: typeof sourceSynced.schema | typeof sourceArchived.schema }>(
    event: E,
  ): DataOf<typeof sourceSynced> & DataOf<typeof sourceArchived> {
    const [last] = this.bench.bus.events({ types: [event.type], newestFirst: true, limit: 1 })
    return last?.data as never
  }
}

test('a night that finds nothing changed has copied nothing and links the archive, night after night', async () => {
  const nights = await Nights.afterFirst()
  expect(nights.last(sourceSynced).unchanged).toBeUndefined()
  nights.box.unchanged.add('var')
  for (const _ of [2, 3, 4]) {
    // What an earlier night has left in the page cache is brought onto the disk all the same.
    expect(await nights.next()).toEqual({
      done: ['sync var', 'flush var', 'link var on Thursday'],
      state: 'succeeded',
    })
    expect(nights.last(sourceSynced)).toMatchObject({
      source: 'var',
      filesTransferred: 0,
      bytesTransferred: 0,
      filesDeleted: 0,
      unchanged: true,
    })
    expect(nights.last(sourceArchived).unchangedSince).toMatch(/^2026-01-01T00:/)
  }
  nights.box.unchanged.delete('var')
  expect((await nights.next()).done).toEqual(['sync var', 'flush var', 'archive var on Thursday'])
})

test.each<[string, RunResult['state'], (box: Box) => void]>([
  [
    'failed',
    'failed',
    (box) => {
      box.beforeSync = () => {
        throw new TerminalError('rsync could not copy everything')
      }
    },
  ],
  [
    'held',
    'held',
    (box) => {
      box.deletions.var = 1000
    },
  ],
  [
    'stopped at its limit',
    'held',
    (box) => {
      box.outcome = 'limited'
    },
  ],
  [
    'overflowed once',
    'succeeded',
    (box) => {
      box.overflows.var = 1
      box.unchanged.add('var')
    },
  ],
  ['copied something', 'succeeded', () => {}],
])('after a night whose sync %s, an archive is written anew', async (_, state, happens) => {
  const nights = await Nights.afterFirst()
  happens(nights.box)
  expect((await nights.next()).state).toBe(state)
  const { beforeSync, outcome } = new Box()
  Object.assign(nights.box, { beforeSync, outcome })
  delete nights.box.deletions.var
  nights.box.unchanged.add('var')
  const { done } = await nights.next()
  // Where that night wrote an archive itself, it is that one that stands.
  if (state === 'succeeded') expect(nights.last(sourceArchived).unchangedSince).toMatch(/T01:/)
  else expect(done).toEqual(['sync var', 'flush var', 'archive var on Thursday'])
})

describe('where nothing has changed on either side since the last copy', () => {
  async function untouched(keep?: string, place?: string): Promise<Nights> {
    const nights = await Nights.afterFirst(keep, place)
    nights.box.unchanged.add('var')
    nights.box.untouched.add('var')
    return nights
  }
  const needless = { done: ['flush var', 'link var on Thursday'], state: 'succeeded' }
  const copies = { done: ['sync var', 'flush var', 'link var on Thursday'], state: 'succeeded' }

  test('none is made, night after night, and what was known of the mirror stays known', async () => {
    const nights = await untouched()
    const first = nights.last(sourceSynced)
    for (const _ of [2, 3, 4]) {
      expect(await nights.next()).toEqual(needless)
      expect(nights.last(sourceSynced)).toMatchObject({
        filesTransferred: 0,
        bytesTransferred: 0,
        filesDeleted: 0,
        unchanged: true,
        counted: first.counted,
        mirror: first.mirror,
        left: { ...first.left, compared: first.read?.from },
      })
    }
    // The mirror is looked at before there is a snapshot, and with it what has changed there since.
    const [, second, third] = nights.box.surveys
    expect(second?.since?.mirrorMs).toBeGreaterThan(Date.parse(first.read?.to ?? ''))
    expect(third?.since?.sourceMs).toBeGreaterThan(second?.since?.mirrorMs ?? Number.POSITIVE_INFINITY)
    nights.box.untouched.delete('var')
    expect(await nights.next()).toEqual(copies)
    const { left, read } = nights.last(sourceSynced)
    expect(left?.compared).toBe(read?.from)
  })

  test('one is made all the same after a week', async () => {
    const nights = await untouched('30d')
    const copied: number[] = []
    for (let night = 2; night <= 16; night += 1) {
      await nights.bench.clock.advance(23 * 3_600_000)
      if ((await nights.next()).done.includes('sync var')) copied.push(night)
    }
    expect(copied).toEqual([8, 15])
  })

  test.each<[string, (box: Box) => void]>([
    ['the machine went down', ({ boots }) => Object.assign(boots, { current: 'boot2' })],
    ['an older image of the disk is there', (box) => Object.assign(box, { mirrorState: '2 999' })],
    ['another disk is there', (box) => Object.assign(box, { mirror: 'disk2/2' })],
    ['not all of the mirror can be read', ({ unreadable }) => unreadable.add('var')],
    ['files were written while they were copied', ({ written }) => Object.assign(written, { var: 1 })],
    ['the mirror has more than a copy has left', ({ notCopied }) => Object.assign(notCopied, { var: 1 })],
  ])('one is made all the same where %s', async (_, happens) => {
    const nights = await untouched()
    happens(nights.box)
    expect((await nights.next()).done).toContain('sync var')
  })

  test('one is made all the same where something else is mounted in a directory', async () => {
    const nights = await untouched('1d', 'path: /var')
    expect(await nights.next()).toEqual(needless)
    nights.box.covered = ['/data/*']
    nights.box.forecasts.length = 0
    expect(await nights.next()).toEqual(copies)
    // How much the mirror has of what is copied is not certain, either.
    expect(nights.box.forecasts).toEqual(['var'])
    expect(await nights.next()).toEqual(needless)
  })

  test('one is made all the same after one that failed', async () => {
    const nights = await untouched()
    nights.box.untouched.delete('var')
    nights.box.beforeSync = () => {
      throw new TerminalError('rsync could not copy everything')
    }
    expect((await nights.next()).state).toBe('failed')
    nights.box.untouched.add('var')
    nights.box.beforeSync = () => {}
    expect((await nights.next()).done).toContain('sync var')
    expect(await nights.next()).toEqual(needless)
  })

  test('a snapshot that overflowed meanwhile is taken anew', async () => {
    const nights = await untouched()
    nights.box.overflows.var = 1
    expect((await nights.next()).state).toBe('succeeded')
    expect(nights.box.comparedByContent.has('var')).toBe(true)
  })
})

describe('on a full disk', () => {
  const made = (nights: Nights) => nights.box.done.filter((line) => /^(sync|make room|archive)/.test(line))

  test('what an archive holds is deleted first, where that makes the room', async () => {
    const nights = await Nights.afterFirst()
    nights.box.fullUntilRoom.add('var')
    expect((await nights.next()).state).toBe('succeeded')
    const [first, room, second, archive] = made(nights)
    const limit = Number(/\d+/.exec(first ?? '')?.[0])
    expect([room, second, archive]).toEqual([
      `make room in var, deleting ${limit} at most`,
      `sync var, deleting ${limit - 2} at most`,
      'archive var on Thursday',
    ])
    const [synced] = nights.bench.bus.events({ runId: 'run2', types: [sourceSynced.type] })
    expect(synced?.data).toMatchObject({ filesDeleted: 4 })
  })

  test('nothing is deleted where no archive holds what the mirror has', async () => {
    const nights = await Nights.afterFirst()
    nights.box.beforeArchive = () => {
      throw new TerminalError('no archive')
    }
    await nights.next()
    nights.box.fullUntilRoom.add('var')
    expect((await nights.next()).state).toBe('failed')
    expect(made(nights)).toEqual([expect.stringMatching(/^sync var/)])
  })

  test('nothing is deleted where the archive is gone', async () => {
    const nights = await Nights.afterFirst()
    nights.box.fullUntilRoom.add('var')
    nights.box.archives.stand = async () => false
    expect((await nights.next()).state).toBe('failed')
    expect(made(nights)).toEqual([expect.stringMatching(/^sync var/)])
    const [failed] = nights.bench.bus.events({ runId: 'run2', types: [sourceFailed.type] })
    expect(failed?.data).toMatchObject({ cause: 'no-space' })
  })
})

test('a night of which something was left out is not taken for one after which nothing is to be done', async () => {
  const nights = await Nights.afterFirst()
  const kinds = [{ kind: 'links' as const, count: 1, entries: ['f'] }]
  nights.box.leftOut.var = { kinds, deletedNothing: false }
  for (let night = 0; night < 3; night += 1) {
    const { done, state } = await nights.next()
    expect(state).toBe('degraded')
    expect(done).toContain('sync var')
    nights.box.untouched.add('var')
  }
})

test('a second try that finds nothing left to do is no proof that nothing was done', async () => {
  const nights = await Nights.afterFirst()
  nights.box.beforeSync = () => {
    if (nights.box.unchanged.has('var')) return
    // As a copy whose connection broke after its last file.
    nights.box.unchanged.add('var')
    throw new RetryableError('rsync: error in socket I/O')
  }
  expect(await nights.next()).toEqual({
    done: ['sync var', 'flush var', 'archive var on Thursday'],
    state: 'succeeded',
  })
  expect(nights.last(sourceSynced).unchanged).toBeUndefined()
})

test('a night whose archive failed keeps none from being linked later', async () => {
  const nights = await Nights.afterFirst()
  nights.box.unchanged.add('var')
  const { reuse } = nights.box.archives
  nights.box.archives.reuse = () => Promise.reject(new TerminalError('the disk is gone'))
  expect((await nights.next()).state).toBe('failed')
  nights.box.archives.reuse = reuse
  expect((await nights.next()).done).toEqual(['sync var', 'flush var', 'link var on Thursday'])
})

test('an earlier archive that is damaged is told of, and another one written', async () => {
  const nights = await Nights.afterFirst()
  nights.box.unchanged.add('var')
  nights.box.damaged.push('the archive /archives/Wednesday/var.tar.zst is damaged: it is torn')
  expect(await nights.next()).toEqual({
    done: ['sync var', 'flush var', 'archive var on Thursday'],
    state: 'degraded',
  })
  expect(nights.bench.bus.events({ types: [runWarned.type] }).map(({ data }) => data)).toEqual([
    {
      reason:
        'the archive /archives/Wednesday/var.tar.zst is damaged: it is torn; so is what shares its blocks, a new one is written',
    },
  ])
})

test('an archive is not linked to one that is older than what is remembered', async () => {
  const nights = await Nights.afterFirst()
  nights.box.unchanged.add('var')
  await nights.bench.clock.advance(86_400_000)
  expect((await nights.next()).done).toEqual(['sync var', 'flush var', 'archive var on Thursday'])
})

test('a night after a crash compares contents, and the one after that does not', async () => {
  const nights = await Nights.afterFirst()
  nights.box.comparedByContent.clear()
  nights.box.boots.current = 'boot2'
  await nights.next()
  expect([...nights.box.comparedByContent]).toEqual(['var'])
  nights.box.comparedByContent.clear()
  await nights.next()
  expect(nights.box.comparedByContent.size).toBe(0)
  nights.box.boots.current = 'boot3'
  nights.box.endedInOrder.add('boot2')
  await nights.next()
  expect(nights.box.comparedByContent.size).toBe(0)
})

test('a night copies what was written while the last one read, also when nothing else has changed', async () => {
  const nights = await Nights.afterFirst()
  const { read } = nights.last(sourceSynced)
  nights.box.unchanged.add('var')
  nights.box.written.var = 1
  expect((await nights.next()).done).toEqual([
    'sync some of var',
    'sync var',
    'flush var',
    'archive var on Thursday',
  ])
  const [time] = nights.box.times
  expect(time?.fromMs).toBeLessThanOrEqual(Date.parse(read?.from ?? '') - 1000)
  expect(time?.toMs).toBe(Date.parse(read?.to ?? ''))
  expect(nights.last(sourceSynced)).not.toHaveProperty('unchanged')
  expect((await nights.next()).done).toEqual(['sync var', 'flush var', 'link var on Thursday'])
})

test('a night looks for what was changed on either side since the last copy, also before its snapshot', async () => {
  const nights = await Nights.afterFirst()
  const [first] = nights.bench.bus.events({ types: [sourceSynced.type] })
  await nights.next()
  const [, survey] = nights.box.surveys
  const { writtenIn } = survey ?? {}
  expect(writtenIn?.mirrorMs).toBe(Date.parse(first?.time ?? ''))
  expect(writtenIn?.nowMs).toBeGreaterThan(writtenIn?.mirrorMs ?? Number.NaN)
  expect(nights.box.times.at(-1)).toMatchObject({ mirrorMs: writtenIn?.mirrorMs })
})

test('a night compares a share of all files by contents once a week, also where nothing has changed', async () => {
  const nights = await Nights.afterFirst('30d')
  nights.box.sizeBytes = 64 * 1024 ** 3
  const when: number[] = []
  for (let night = 2; night <= 16; night += 1) {
    const before = nights.box.shares.length
    await nights.bench.clock.advance(23 * 3_600_000)
    await nights.next()
    nights.box.unchanged.add('var')
    nights.box.untouched.add('var')
    if (nights.box.shares.length > before) when.push(night)
  }
  expect(when).toEqual([8, 15])
  expect(nights.box.shares).toEqual([
    { from: 0, to: 0.5 },
    { from: 0.5, to: 1 },
  ])
})

test('a disk that takes turns with another is compared by its contents after a crash, too', async () => {
  const nights = await Nights.afterFirst()
  await nights.next()
  nights.box.boots.current = 'boot2'
  nights.box.mirror = 'disk2/2'
  await nights.next()
  nights.box.comparedByContent.clear()
  nights.box.mirror = 'disk1/2'
  await nights.next()
  expect([...nights.box.comparedByContent]).toEqual(['var'])
})
