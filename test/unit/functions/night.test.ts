import { describe, expect, test } from 'vitest'
import {
  backupStart,
  catalogue,
  type InputOf,
  mirrorSuspect,
  type RunResult,
  runEnds,
  runSucceeded,
  runWarned,
  snapshotCleanup,
  snapshotOverflowed,
  snapshotRefused,
  sourceFailed,
  sourceSynced,
  syncRun,
} from '../../../events/index.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/backup/load-functions.ts'
import { parseConfig, type Target } from '../../../runtime/config/config.ts'
import {
  CancelledError,
  InterruptedError,
  SuspectMirrorError,
  TerminalError,
} from '../../../runtime/errors.ts'
import { turns } from '../manual-clock.ts'
import { Bench } from '../runtime/backup/bench.ts'
import { Box } from './box.ts'

const config = parseConfig(
  `
sources:
  var:  { lv: vg01/lv_var,  target: hdd1, mount: { attempts: 4, backoff: 1s..30s } }
  home: { lv: vg01/lv_home, target: hdd1 }
  usr:  { path: /usr, target: hdd2, archive: false }
targets:
  hdd1: { path: /mnt/hdd1 }
  hdd2: { path: /mnt/hdd2 }
  hdd9: { path: /mnt/hdd9 }
archive: { target: hdd9 }
notify:
  - { exec: [/usr/local/bin/page-me], on: [run.*, source.failed] }
`,
  'night.yaml',
)

const { functions } = await loadRegistry({ ours: ownFunctions, users: '/nowhere' }, catalogue)
const definitions = Object.fromEntries(functions.map(({ name, definition }) => [name, definition]))
const endTypes = runEnds.map(({ type }) => type)

class Night {
  readonly box = new Box()
  readonly bench: Bench

  constructor(conditions = config) {
    this.bench = new Bench(definitions, { host: this.box, config: conditions })
  }

  /** Begins a run of these sources; all of them without any. */
  async begin(data: InputOf<typeof backupStart> = {}): Promise<void> {
    this.bench.start()
    await this.bench.emit(backupStart, data)
  }

  /** Lets it come as far as it can without the clock being moved. */
  async goOn(): Promise<void> {
    await turns(200)
  }

  /** Lets it come to its end, which it has exactly once, and after which nothing is left. */
  async end(): Promise<RunResult> {
    await this.bench.clock.advance(3_600_000)
    const ends = this.bench.bus.events({ types: endTypes })
    expect(ends).toHaveLength(1)
    expect(this.bench.bus.open()).toEqual([])
    expect([...this.box.snapshotsNow, ...this.box.targetsOpen]).toEqual([])
    return ends[0]?.data as RunResult
  }

  async run(...sources: string[]): Promise<RunResult> {
    await this.begin(sources.length > 0 ? { sources } : {})
    return this.end()
  }

  eventsOf(type: { type: string }): unknown[] {
    return this.bench.bus.events({ types: [type.type] }).map(({ data }) => data)
  }
}

const stateOf = ({ state, sources }: RunResult) => [
  state,
  ...sources.map((one) => `${one.source} ${one.state}`),
]

describe('a night that went well but for', () => {
  test.each<[string, string, (box: Box) => void, string]>([
    [
      'a file system in a directory that is in no backup',
      'usr',
      (box) => {
        box.missing = { uncovered: [{ path: '/usr/x', what: 'file system', type: 'xfs' }], shadowed: [] }
      },
      'sync.run: not in any backup, as a source is copied without other file systems in it: /usr/x (xfs file system)',
    ],
    [
      'times that its target cannot hold',
      'var',
      (box) => box.differingTimes.push('clock'),
      'cannot hold these times, so that this is copied anew each time: clock',
    ],
    [
      'everything, which is excluded',
      'home',
      (box) => {
        box.files = 1
      },
      'sync.run: the backup is empty: `exclude` leaves out all of vg01/lv_home',
    ],
  ])('%s is degraded', async (_, source, happens, error) => {
    const night = new Night()
    happens(night.box)
    const result = await night.run(source)
    expect(stateOf(result)).toEqual(['degraded', `${source} degraded`])
    expect(result.sources[0]?.error).toContain(error)
  })
})

describe('a night', () => {
  test('backs up every source: volumes from their snapshots, one after the other on a disk', async () => {
    const night = new Night()
    const result = await night.run()
    expect(stateOf(result)).toEqual(['succeeded', 'var succeeded', 'home succeeded', 'usr succeeded'])
    expect(result.sources[0]).toEqual({
      source: 'var',
      state: 'succeeded',
      mountTrials: 1,
      snapshotUsedPercent: 12.5,
      filesTransferred: 3,
      bytesTransferred: 4096,
      filesDeleted: 2,
      archive: '/archives/Thursday/var.tar.zst',
      error: null,
    })
    const of = (source: string) => night.box.done.filter((line) => line.split(/[ ,]/)[1] === source)
    expect(of('var')).toEqual([
      'snapshot var',
      'mount var',
      'sync var, deleting 51 at most',
      'release var',
      'flush var',
      'archive var on Thursday',
    ])
    expect(night.box.surveys).toEqual([
      { source: 'var', snapshots: [] },
      { source: 'home', snapshots: [] },
    ])
    expect(of('usr')).toEqual(['sync usr, deleting 51 at most', 'flush usr'])
    expect(night.box.done.indexOf('release var')).toBeLessThan(night.box.done.indexOf('snapshot home'))
    expect(night.box.done.at(-1)).toBe('close targets')
  })

  test('backs up several sources of a target at the same time where that permits it', async () => {
    const parallel = { ...config.targets.hdd1, parallel: 2 } as Target
    const night = new Night({ ...config, targets: { ...config.targets, hdd1: parallel } })
    const gate = Promise.withResolvers<void>()
    night.box.beforeSync = () => gate.promise
    await night.begin({ sources: ['var', 'home'] })
    await night.goOn()
    expect([...night.box.snapshotsNow]).toEqual(['var', 'home'])
    gate.resolve()
    expect(stateOf(await night.end())).toEqual(['succeeded', 'var succeeded', 'home succeeded'])
  })

  test('of some sources leaves the others alone, and takes them in the order of the config', async () => {
    expect(stateOf(await new Night().run('usr', 'var'))).toEqual([
      'succeeded',
      'var succeeded',
      'usr succeeded',
    ])
  })

  test('of a source that is not in the config fails, and says so', async () => {
    const night = new Night()
    expect(stateOf(await night.run('vra'))).toEqual(['failed'])
    expect(night.box.done).toEqual(['close targets'])
  })

  test('does not need its target to be tidy, and says what is in the way', async () => {
    const night = new Night()
    night.box.inTheWay = ['/mnt/hdd9/Monday/.x.hdsync-part is a folder']
    expect(stateOf(await night.run('var'))).toEqual(['degraded', 'var succeeded'])
    expect(night.eventsOf(runWarned)).toEqual([{ reason: night.box.inTheWay[0] }])
  })

  test('drops the snapshot at once, while the archive is still being written', async () => {
    const night = new Night()
    const gate = Promise.withResolvers<void>()
    night.box.beforeArchive = () => gate.promise
    await night.begin({ sources: ['var', 'home'] })
    await night.goOn()
    expect(night.box.done).toContain('release home')
    expect(night.box.done.filter((line) => line.startsWith('archive'))).toEqual([])
    gate.resolve()
    expect((await night.end()).state).toBe('succeeded')
  })
})

describe('a mount that is refused', () => {
  test('is tried again with a new snapshot, after a pause', async () => {
    const night = new Night()
    night.box.refusals.var = 2
    await night.begin({ sources: ['var'] })
    await night.goOn()
    expect(night.box.done).toEqual(['snapshot var', 'release var'])
    const { state, sources } = await night.end()
    expect([state, sources[0]?.mountTrials]).toEqual(['succeeded', 3])
    expect(night.box.done.filter((line) => line === 'snapshot var')).toHaveLength(3)
    expect(night.eventsOf(snapshotRefused)).toMatchObject([{ attemptsLeft: 3 }, { attemptsLeft: 2 }])
  })

  test('every time fails its source with the words of the kernel, and no other', async () => {
    const night = new Night()
    night.box.refusals.var = 99
    const result = await night.run()
    expect(stateOf(result)).toEqual(['failed', 'var failed', 'home succeeded', 'usr succeeded'])
    expect(result.sources[0]).toMatchObject({
      mountTrials: 4,
      error:
        'snapshot.mount: no snapshot could be mounted in 4 attempts: wrong fs type; the kernel said: unable to replay log',
    })
    expect(night.box.done.join()).not.toContain('sync var')
  })
})

describe('a snapshot that overflows', () => {
  test('is taken again, larger; nothing of the first copy is recorded as good', async () => {
    const night = new Night()
    night.box.overflows.var = 1
    const { state, sources } = await night.run('var')
    expect([state, sources[0]?.mountTrials]).toEqual(['succeeded', 2])
    expect(night.box.sizes[1]).toBe((night.box.sizes[0] ?? 0) * 2)
    expect(night.box.done.filter((line) => line === 'flush var')).toHaveLength(1)
  })

  test('every time fails its source, and no other', async () => {
    const night = new Night()
    night.box.overflows.var = 99
    const result = await night.run()
    expect(stateOf(result)).toEqual(['failed', 'var failed', 'home succeeded', 'usr succeeded'])
    expect(night.eventsOf(snapshotOverflowed)).toHaveLength(4)
    expect(night.eventsOf(sourceFailed)).toHaveLength(1)
  })

  test('explains whatever else went wrong', async () => {
    const night = new Night()
    night.box.overflows.var = 1
    let copies = 0
    night.box.beforeSync = () => {
      copies += 1
      if (copies === 1) throw new TerminalError('rsync could not copy everything')
    }
    expect((await night.run('var')).state).toBe('succeeded')
  })
})

describe('a copy', () => {
  test('that would delete too much is held, and the mirror left untouched', async () => {
    const night = new Night()
    night.box.deletions.var = 101
    const result = await night.run()
    expect(stateOf(result)).toEqual(['held', 'var held', 'home succeeded', 'usr succeeded'])
    expect(night.box.done.join()).not.toContain('sync var')
    expect(night.box.done.join()).not.toContain('archive var')
  })

  test('that came upon more deletions than were forecast is held too', async () => {
    const night = new Night()
    night.box.outcome = 'limited'
    expect(stateOf(await night.run('var'))).toEqual(['held', 'var held'])
  })

  test('of an empty source onto a mirror that is not is never made', async () => {
    const night = new Night()
    night.box.emptySources.add('var')
    const { state, sources } = await night.run('var')
    expect([state, sources[0]?.error]).toEqual([
      'failed',
      expect.stringContaining('var is empty but its mirror /mirrors/var is not: not synced'),
    ])
    expect(night.box.done.join()).not.toContain('sync var')
  })

  test.each([
    ['a directory', 'usr', ['degraded', 'usr degraded']],
    ['a snapshot, in which nothing may', 'var', ['failed', 'var failed']],
  ])('during which files vanish from %s', async (_, source, states) => {
    const night = new Night()
    night.box.outcome = 'vanished'
    expect(stateOf(await night.run(source))).toEqual(states)
  })

  test('of which single entries cannot be copied is good otherwise, and is archived', async () => {
    const night = new Night()
    const kinds = [{ kind: 'in-the-way' as const, count: 1, entries: ['www'] }]
    night.box.leftOut.var = { kinds, deletedNothing: false }
    const result = await night.run('var')
    expect(stateOf(result)).toEqual(['degraded', 'var degraded'])
    expect(result.sources[0]?.error).toMatch(/"www" .*move it away$/)
    expect(night.box.done.join()).toContain('archive var')
  })

  test('in whose snapshot something has moved fails', async () => {
    const night = new Night()
    const kinds = [{ kind: 'changed' as const, count: 1, entries: ['d/f'] }]
    night.box.leftOut.var = { kinds, deletedNothing: true }
    night.box.leftOut.usr = { kinds, deletedNothing: true }
    expect(stateOf(await night.run('var', 'usr'))).toEqual(['failed', 'var failed', 'usr degraded'])
  })

  test('onto a target that is gone in the meantime is not made', async () => {
    const night = new Night()
    night.box.beforeArchive = () => {
      night.box.targetsOpen.delete('hdd1')
    }
    const result = await night.run('var', 'home')
    expect(stateOf(result)).toEqual(['failed', 'var succeeded', 'home failed'])
  })
})

test('a target that cannot be opened fails its own sources; the others go on', async () => {
  const night = new Night()
  night.box.missingTargets.add('hdd1')
  const result = await night.run()
  expect(stateOf(result)).toEqual(['failed', 'var failed', 'home failed', 'usr succeeded'])
  expect(result.sources[0]?.error).toBe('target.open: the disk of hdd1 is not there')
  expect(night.box.done.join()).not.toContain('snapshot')
})

test('a source that lies in its own mirror fails before anything is taken of it; the others go on', async () => {
  const night = new Night()
  night.box.notApart.add('var')
  const result = await night.run()
  expect(stateOf(result)).toEqual(['failed', 'var failed', 'home succeeded', 'usr succeeded'])
  expect(result.sources[0]?.error).toBe('target.open: var lies in its own mirror')
  expect(night.box.done.join()).not.toContain('snapshot var')
})

test('all targets of a source that cannot be opened are told in one night', async () => {
  const night = new Night()
  night.box.missingTargets.add('hdd1').add('hdd9')
  const result = await night.run('var')
  expect(result.sources[0]?.error).toBe(
    'target.open: the disk of hdd1 is not there; the disk of hdd9 is not there',
  )
})

test('a target that is open to others gets its night, degraded, whichever snapshot was copied', async () => {
  const night = new Night()
  night.box.opened.hdd1 = { doors: ['others can look in'], refused: new Map(), found: [] }
  night.box.refusals.var = 2
  const result = await night.run('var', 'usr')
  expect(stateOf(result)).toEqual(['degraded', 'var degraded', 'usr succeeded'])
  expect(result.sources[0]?.error).toBe('target.open: others can look in')
})

test('an archive target that is open to others degrades what is archived there', async () => {
  const night = new Night()
  night.box.opened.hdd9 = { doors: ['others can look in'], refused: new Map(), found: [] }
  expect(stateOf(await night.run())).toEqual(['degraded', 'var degraded', 'home degraded', 'usr succeeded'])
})

test('a mirror of another host fails its source before a snapshot is taken; the others go on', async () => {
  const night = new Night()
  night.box.opened.hdd1 = { doors: [], refused: new Map([['var', 'it is host alpha’s']]), found: [] }
  const result = await night.run()
  expect(stateOf(result)).toEqual(['failed', 'var failed', 'home succeeded', 'usr succeeded'])
  expect(result.sources[0]?.error).toBe('target.open: it is host alpha’s')
  expect(night.box.done).not.toContain('snapshot var')
})

test('a mirror that nobody had claimed is told once, unless it is known from before', async () => {
  const night = new Night()
  night.box.opened.hdd1 = { doors: [], refused: new Map(), found: ['var'] }
  const first = await night.run('var')
  expect(first.state).toBe('degraded')
  expect(first.sources[0]?.error).toContain('holds backups of var that this hdsync has no record of')
  await night.begin({ sources: ['var'] })
  await night.goOn()
  expect(night.bench.bus.events({ types: ['source.synced'] })).toHaveLength(2)
  expect(night.bench.bus.events({ types: ['source.warned'] })).toHaveLength(1)
})

test('an archive that cannot be written fails its source, whose mirror is good', async () => {
  const night = new Night()
  night.box.beforeArchive = (source) => {
    if (source === 'var') throw new TerminalError('cannot write: ENOSPC')
  }
  const result = await night.run('var', 'home')
  expect(stateOf(result)).toEqual(['failed', 'var failed', 'home succeeded'])
  expect(result.sources[0]).toMatchObject({
    filesTransferred: 3,
    error: 'archive.weekly: cannot write: ENOSPC',
  })
})

test('a run that is cancelled puts everything in order, and says of each source how far it came', async () => {
  const night = new Night()
  const gate = Promise.withResolvers<void>()
  night.box.beforeSync = (source) => (source === 'var' ? gate.promise : undefined)
  await night.begin()
  await night.goOn()
  const cancelled = new CancelledError('Ctrl-C')
  await night.bench.dispatcher.endRun('run1', cancelled)
  // As a command does when it is aborted.
  gate.reject(cancelled)
  expect(stateOf(await night.end())).toEqual([
    'cancelled',
    'var cancelled',
    'home cancelled',
    'usr succeeded',
  ])
  expect(night.box.done.at(-1)).toBe('close targets')
})

test('a run that is cancelled before it has begun was cancelled, and did not fail', async () => {
  const night = new Night()
  await night.bench.emit(backupStart, {})
  await night.bench.dispatcher.endRun('run1', new CancelledError('Ctrl-C'))
  night.bench.start()
  expect((await night.end()).state).toBe('cancelled')
})

describe('a hook', () => {
  test('hears of what it asked for', async () => {
    const night = new Night()
    const heard: string[] = []
    night.box.onHook = ({ type }) => heard.push(type)
    night.box.missingTargets.add('hdd1')
    await night.run('var', 'usr')
    expect(heard).toEqual(['run.started', 'source.failed', 'run.failed'])
  })

  test('that fails changes no run, and is tried again for a day', async () => {
    const night = new Night()
    const tries: number[] = []
    night.box.onHook = () => {
      tries.push(night.bench.clock.now())
      throw new Error('page-me ended with exit code 1')
    }
    const began = night.bench.clock.now()
    await night.begin({ sources: ['usr'] })
    await night.goOn()
    expect(night.eventsOf(runSucceeded)).toMatchObject([{ state: 'succeeded' }])
    const day = 86_400_000
    await night.bench.clock.advance(2 * day)
    const lastAt = (tries.at(-1) ?? 0) - began
    expect(lastAt).toBeGreaterThanOrEqual(day)
    expect(lastAt).toBeLessThan(day + 3_600_000)
    expect(tries.length).toBeGreaterThan(2 * 24)
    expect(night.bench.deliveries('notify.exec').map(({ state }) => state)).toEqual(['dead', 'dead'])
    expect(night.bench.bus.open()).toEqual([])
  })
})

describe('a copy that is not yet on the disk', () => {
  const flushes = (night: Night, flush: () => Promise<void>) => {
    night.box.mirrors.flush = flush
  }

  test('is no success: its snapshot has gone, and the next source waits', async () => {
    const night = new Night()
    const gate = Promise.withResolvers<void>()
    flushes(night, () => gate.promise)
    await night.begin({ sources: ['var', 'home', 'usr'] })
    await night.goOn()
    expect(night.box.done).toContain('release var')
    expect(night.box.done).not.toContain('snapshot home')
    expect(night.eventsOf(sourceSynced)).toEqual([])
    gate.resolve()
    expect((await night.end()).state).toBe('succeeded')
    expect(night.eventsOf(sourceSynced)).toHaveLength(3)
  })

  test.each([
    ['the disk fails', new SuspectMirrorError('input/output error'), 1],
    ['its target is gone', new TerminalError('nothing is mounted'), 1],
    ['the machine goes down', new InterruptedError(true), 1],
    ['hdsync is stopped', new InterruptedError(false), 0],
    ['somebody cancels it', new CancelledError('Ctrl-C'), 0],
  ])('fails its source where %s, and no other', async (_, error, suspects) => {
    const night = new Night()
    let flushed = 0
    flushes(night, async () => {
      flushed += 1
      if (flushed === 1) throw error
    })
    const result = await night.run('var', 'home')
    expect(result.sources[0]).toMatchObject({
      state: error instanceof CancelledError ? 'cancelled' : 'failed',
      error: `mirror.flush: ${error.message}`,
    })
    expect(result.sources[1]).toMatchObject({ state: 'succeeded' })
    expect(night.eventsOf(mirrorSuspect)).toHaveLength(suspects)
    expect(night.eventsOf(sourceSynced)).toHaveLength(1)
    expect(night.box.done).not.toContain('archive var on Thursday')
  })

  test('fails its source where another disk has come into its place', async () => {
    const night = new Night()
    const flush = night.box.snapshots.release
    night.box.snapshots.release = async (...args) => {
      if (night.box.done.some((line) => line.startsWith('sync'))) night.box.mirror = 'disk2/2'
      return flush(...args)
    }
    expect(stateOf(await night.run('var'))).toEqual(['failed', 'var failed'])
    expect(night.eventsOf(mirrorSuspect)).toHaveLength(1)
  })

  test.each([
    ['the machine went down', true, 1],
    ['hdsync was stopped', false, 0],
  ])('is no success of a run that is ended between, as %s', async (_, machineWentDown, suspects) => {
    const night = new Night()
    const gate = Promise.withResolvers<void>()
    const release = night.box.snapshots.release
    night.box.snapshots.release = async (...args) => {
      if (night.box.done.some((line) => line.startsWith('sync'))) await gate.promise
      return release(...args)
    }
    await night.begin({ sources: ['var'] })
    await night.goOn()
    await night.bench.dispatcher.endRun('run1', new InterruptedError(machineWentDown))
    gate.resolve()
    expect(stateOf(await night.end())).toEqual(['failed', 'var failed'])
    expect(night.box.done).not.toContain('flush var')
    expect(night.eventsOf(sourceSynced)).toEqual([])
    expect(night.eventsOf(mirrorSuspect)).toHaveLength(suspects)
  })

  test('is brought onto the disk although its snapshot is left behind', async () => {
    const night = new Night()
    const release = night.box.snapshots.release
    night.box.snapshots.release = async (...args) => {
      if (!night.box.done.some((line) => line.startsWith('sync'))) return release(...args)
      night.box.snapshotsNow.delete('var')
      throw new TerminalError('busy')
    }
    expect(stateOf(await night.run('var'))).toEqual(['degraded', 'var succeeded'])
    expect(night.eventsOf(runWarned)).toEqual([{ reason: 'the snapshot of var is left behind: busy' }])
  })
})

test('a snapshot.cleanup of an older version, which says nothing of a copy, lets the next source begin', async () => {
  const night = new Night()
  night.bench.start()
  await night.bench.emit(snapshotCleanup, { source: 'var', rest: ['usr'] })
  await night.goOn()
  expect(night.eventsOf(sourceSynced)).toEqual([])
  expect(night.bench.bus.events({ types: [syncRun.type] })).toHaveLength(1)
})
