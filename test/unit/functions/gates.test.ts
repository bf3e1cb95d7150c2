import { describe, expect, test } from 'vitest'
import {
  backupStart,
  catalogue,
  type RunResult,
  runEnds,
  snapshotAfter,
  snapshotBefore,
} from '../../../events/index.ts'
import { type Context, defineFunction } from '../../../runtime/backup/function.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/backup/load-functions.ts'
import { parseConfig } from '../../../runtime/config/config.ts'
import type { AtGate, FunctionDefinition } from '../../../runtime/core/function.ts'
import { CancelledError, RetryableError, TerminalError } from '../../../runtime/errors.ts'
import { turns } from '../manual-clock.ts'
import { Bench } from '../runtime/backup/bench.ts'
import { Box } from './box.ts'

const { functions } = await loadRegistry({ ours: ownFunctions, users: '/nowhere' }, catalogue)
const definitions = Object.fromEntries(functions.map(({ name, definition }) => [name, definition]))
const endTypes = runEnds.map(({ type }) => type)

const configWith = (gate: string) =>
  parseConfig(
    `
sources:
  var:  { lv: vg01/lv_var,  target: hdd1, snapshot: { gate: { ${gate} } }, mount: { attempts: 4, backoff: 1s..30s } }
  home: { lv: vg01/lv_home, target: hdd2 }
targets:
  hdd1: { path: /mnt/hdd1 }
  hdd2: { path: /mnt/hdd2 }
`,
    'gates.yaml',
  )

/** A night with functions of a user's own, on a box that writes down what is done. */
class Night {
  readonly box = new Box()
  readonly bench: Bench

  constructor(own: (box: Box) => Record<string, FunctionDefinition>, gate = 'timeout: 60s') {
    const all = { ...definitions, ...own(this.box) }
    this.bench = new Bench(all, { host: this.box, config: configWith(gate) })
  }

  async begin(...sources: string[]): Promise<void> {
    this.bench.start()
    await this.bench.emit(backupStart, { sources })
    await turns(200)
  }

  /** Lets it come to its end, which it has exactly once, and after which nothing is left. */
  async end(): Promise<RunResult> {
    await this.bench.clock.advance(3_600_000)
    const ends = this.bench.bus.events({ types: endTypes })
    expect(ends).toHaveLength(1)
    expect(this.bench.bus.open()).toEqual([])
    expect([...this.box.snapshotsNow, ...this.box.targetsOpen]).toEqual([])
    // Each announcement has its end, and has it once.
    const announced = this.bench.bus.events({ types: [snapshotBefore.type] }).map(({ id }) => id)
    expect(this.afters().map(({ before }) => before)).toEqual(announced)
    return ends[0]?.data as RunResult
  }

  async run(...sources: string[]): Promise<RunResult> {
    await this.begin(...sources)
    return this.end()
  }

  afters() {
    return this.bench.bus
      .events({ types: [snapshotAfter.type] })
      .map(({ data }) => data as { source: string; before: string; taken: boolean; reason?: string })
  }

  /** What was done up to the copy. */
  get story(): string[] {
    return this.box.done.filter((line) => !/^(sync|flush|archive|close)/.test(line))
  }
}

const preparing = (
  run: (context: Context & AtGate, attempt: number, source: string) => Promise<void> | void,
) =>
  defineFunction({
    on: snapshotBefore,
    emits: [],
    run: ({ data, attempt }, context) => run(context, attempt, data.source),
  })

/** A lock that is held while the snapshot is taken. */
const holding = (box: Box) =>
  preparing(async ({ snapshotTaken }, _, source) => {
    box.done.push(`lock ${source}`)
    const taken = await snapshotTaken()
    box.done.push(`unlock ${source}, ${taken ? 'taken' : 'not taken'}`)
  })

/** As a command does: it ends when it is told to. */
const stuck = ({ signal }: Context) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

const unlocking = (box: Box) =>
  defineFunction({
    on: snapshotAfter,
    emits: [],
    run: ({ data }) => void box.done.push(`after ${data.source}, ${data.taken ? 'taken' : 'not taken'}`),
  })

describe('without a function at the gate', () => {
  test('a snapshot is taken as ever: no further event, no further hop', async () => {
    const night = new Night(() => ({}))
    expect((await night.run('var')).state).toBe('succeeded')
    const types = night.bench.types()
    expect(types.filter((type) => /^snapshot\./.test(type))).toEqual([
      'snapshot.create',
      'snapshot.mount',
      'snapshot.cleanup',
      'snapshot.released',
    ])
    const [create] = night.bench.bus.events({ types: ['snapshot.create'] })
    expect(create?.data).toEqual({ source: 'var', rest: [] })
  })
})

describe('a function on snapshot.before', () => {
  test('that returns lets the snapshot be taken; what undoes it runs afterwards', async () => {
    const night = new Night((box) => ({
      stop: preparing(() => void box.done.push('stop')),
      start: unlocking(box),
    }))
    expect((await night.run('var')).state).toBe('succeeded')
    expect(night.story.slice(0, 2)).toEqual(['stop', 'snapshot var'])
    expect(night.story).toContain('after var, taken')
  })

  test('holds what it holds until the snapshot is taken, and no longer', async () => {
    const night = new Night((box) => ({ lock: holding(box) }))
    expect((await night.run('var')).state).toBe('succeeded')
    expect(night.story).toEqual(['lock var', 'snapshot var', 'unlock var, taken', 'mount var', 'release var'])
    // That of the source, and that of what the machine is.
    expect(night.bench.types().filter((type) => type === 'backup.finish')).toHaveLength(2)
  })

  test('is waited for together with all others', async () => {
    const slow = Promise.withResolvers<void>()
    const night = new Night((box) => ({
      lock: holding(box),
      slow: preparing(() => slow.promise.then(() => void box.done.push('slow'))),
    }))
    await night.begin('var')
    expect(night.story).toEqual(['lock var'])
    slow.resolve()
    expect((await night.end()).state).toBe('succeeded')
    expect(night.story.slice(0, 4)).toEqual(['lock var', 'slow', 'snapshot var', 'unlock var, taken'])
  })

  test('holds two sources apart that are backed up side by side', async () => {
    const night = new Night((box) => ({ lock: holding(box), after: unlocking(box) }))
    expect((await night.run('var', 'home')).state).toBe('succeeded')
    for (const source of ['var', 'home']) {
      expect(night.story.filter((line) => line.split(/[ ,]/)[1] === source)).toEqual([
        `lock ${source}`,
        `snapshot ${source}`,
        `unlock ${source}, taken`,
        expect.toBeOneOf([`after ${source}, taken`, `mount ${source}`]),
        expect.toBeOneOf([`after ${source}, taken`, `mount ${source}`]),
        `release ${source}`,
      ])
    }
  })

  test('runs again for each trial, after what the one before owes has been done', async () => {
    let failures = 1
    const night = new Night((box) => ({
      lock: holding(box),
      after: defineFunction({
        on: snapshotAfter,
        emits: [],
        retry: { minDelayMs: 20_000 },
        run({ attempt }) {
          if (failures-- > 0) throw new Error('not now')
          box.done.push(`after trial ${attempt}`)
        },
      }),
    }))
    night.box.refusals.var = 1
    const { state, sources } = await night.run('var')
    expect([state, sources[0]?.mountTrials]).toEqual(['succeeded', 2])
    expect(night.story.filter((line) => !line.startsWith('release'))).toEqual([
      'lock var',
      'snapshot var',
      'unlock var, taken',
      'after trial 1',
      'lock var',
      'snapshot var',
      'unlock var, taken',
      expect.toBeOneOf(['mount var', 'after trial 2']),
      expect.toBeOneOf(['mount var', 'after trial 2']),
    ])
  })

  test('that stands aside is not waited for', async () => {
    const night = new Night((box) => ({
      watch: defineFunction({
        on: snapshotBefore,
        emits: [],
        aside: true,
        async run(_, { snapshotTaken }) {
          box.done.push(`watched: ${await snapshotTaken()}`)
        },
      }),
    }))
    expect((await night.run('var')).state).toBe('succeeded')
    expect(night.story).toContain('watched: true')
  })
})

describe('a function that is not ready in time', () => {
  test('makes the snapshot be given up; it is stopped, and what undoes it comes after its end', async () => {
    const night = new Night((box) => ({
      stuck: preparing((context) => stuck(context).finally(() => void box.done.push('stopped'))),
      lock: holding(box),
      after: unlocking(box),
    }))
    await night.begin('var')
    await night.bench.clock.advance(59_999)
    expect(night.story).toEqual(['lock var'])
    const { state, sources } = await night.end()
    expect([state, sources[0]?.error]).toEqual([
      'failed',
      'snapshot.take: the snapshot was given up, as stuck was not ready within 1m',
    ])
    expect(night.story).toEqual(
      expect.arrayContaining(['stopped', 'unlock var, not taken', 'after var, not taken']),
    )
    expect(night.story.at(-1)).toBe('after var, not taken')
    expect(night.bench.deliveries('stuck')).toMatchObject([
      { state: 'dead', attempts: [{ error: 'not ready within 1m' }] },
    ])
  })

  test('is stopped, and the snapshot taken with a warning, where the config says so', async () => {
    const night = new Night(
      (box) => ({ stuck: preparing(stuck), lock: holding(box), after: unlocking(box) }),
      'timeout: 5s, onTimeout: take-anyway',
    )
    const { state, sources } = await night.run('var')
    expect([state, sources[0]?.state, sources[0]?.error]).toEqual([
      'degraded',
      'degraded',
      'snapshot.before: the snapshot was taken although stuck was not ready within 5s',
    ])
    expect(night.story.slice(0, 3)).toEqual(['lock var', 'snapshot var', 'unlock var, taken'])
  })

  test('and heeds nobody holds up neither the end of the run nor what undoes it', async () => {
    const night = new Night((box) => ({
      deaf: preparing(() => new Promise(() => {})),
      after: unlocking(box),
    }))
    expect((await night.run('var')).state).toBe('failed')
    expect(night.story).toEqual(['after var, not taken'])
  })
})

describe('a function that fails', () => {
  const failing = (error: Error) => ({ lock: preparing(() => Promise.reject(error)) })

  test('makes the snapshot be given up at once, with its reason', async () => {
    const night = new Night(() => failing(new TerminalError('access denied')))
    const { sources } = await night.run('var')
    expect(sources[0]).toMatchObject({
      state: 'failed',
      error: 'snapshot.take: the snapshot was given up, as lock failed: access denied',
    })
    expect(night.story).toEqual([])
    expect(night.afters()).toMatchObject([{ taken: false, reason: expect.stringContaining('access denied') }])
  })

  test('is waited for together with the others, and warned of, where the snapshot is taken anyway', async () => {
    const night = new Night(
      (box) => ({ ...failing(new TerminalError('access denied')), hold: holding(box) }),
      'onTimeout: take-anyway',
    )
    const { sources } = await night.run('var')
    expect(sources[0]).toMatchObject({
      state: 'degraded',
      error: 'snapshot.before: the snapshot was taken although lock failed: access denied',
    })
    expect(night.story.slice(0, 2)).toEqual(['lock var', 'snapshot var'])
  })

  test('is tried again while there is time', async () => {
    let tries = 0
    const night = new Night(() => ({
      lock: preparing(() => {
        tries += 1
        if (tries < 3) throw new Error('the database is starting')
      }),
    }))
    expect((await night.run('var')).state).toBe('succeeded')
    expect(tries).toBe(3)
  })

  test('is not tried again once the snapshot is given up: nothing would undo what it does', async () => {
    let tries = 0
    const night = new Night(
      () => ({
        lock: defineFunction({
          on: snapshotBefore,
          emits: [],
          retry: { minDelayMs: 30_000, limit: 9 },
          run() {
            tries += 1
            throw new Error('the database is starting')
          },
        }),
      }),
      'timeout: 1s',
    )
    const { sources } = await night.run('var')
    expect(sources[0]?.error).toContain('lock was not ready within 1s (the database is starting)')
    expect(tries).toBe(1)
    expect(night.bench.deliveries('lock')[0]).toMatchObject({ state: 'cancelled' })
  })

  test('while it holds its lock spoils the snapshot: the lock may have been lost before', async () => {
    const night = new Night((box) => ({
      lock: preparing(async ({ snapshotTaken }) => {
        await snapshotTaken()
        throw new Error('server has gone away')
      }),
      after: unlocking(box),
    }))
    const { sources } = await night.run('var')
    expect(sources[0]?.error).toBe(
      'snapshot.take: the snapshot was given up, as lock failed: server has gone away',
    )
    expect(night.story).toEqual(
      expect.arrayContaining(['snapshot var', 'release var', 'after var, not taken']),
    )
  })

  test('while it holds its lock is not tried again, though another try might help', async () => {
    let tries = 0
    const night = new Night(() => ({
      lock: preparing(async ({ snapshotTaken }) => {
        tries += 1
        await snapshotTaken()
        throw new RetryableError('server has gone away')
      }),
    }))
    await night.begin('var')
    expect(tries).toBe(1)
    expect(night.bench.deliveries('lock')).toMatchObject([{ state: 'dead' }])
    expect((await night.end()).state).toBe('failed')
  })

  test('after the snapshot degrades the source, and says that something may still be locked', async () => {
    const night = new Night(() => ({
      after: defineFunction({
        on: snapshotAfter,
        emits: [],
        run: () => Promise.reject(new TerminalError('no such host')),
      }),
    }))
    const { sources } = await night.run('var')
    expect(sources[0]).toMatchObject({
      state: 'degraded',
      error: 'snapshot.after: after failed after the snapshot: no such host',
    })
  })
})

describe('a dead letter that is redriven', () => {
  const letterOf = ({ bench }: Night, name: string) => bench.deliveries(name)[0]?.id ?? 0

  test('from before a snapshot is not taken up: nothing waits for it any more', async () => {
    let runs = 0
    const night = new Night(() => ({
      lock: preparing(() => {
        runs += 1
        throw new TerminalError('access denied')
      }),
    }))
    await night.run('var')
    await night.bench.bus.redrive(letterOf(night, 'lock'))
    night.bench.dispatcher.wake()
    await night.end()
    expect(runs).toBe(1)
    expect(night.bench.deliveries('lock')).toMatchObject([{ state: 'cancelled' }])
  })

  test('from after a snapshot is, and its run is not ended a second time', async () => {
    let runs = 0
    const night = new Night(() => ({
      unlock: defineFunction({
        on: snapshotAfter,
        emits: [],
        run() {
          runs += 1
          if (runs === 1) throw new TerminalError('no such host')
        },
      }),
    }))
    await night.run('var')
    const types = night.bench.types()
    await night.bench.bus.redrive(letterOf(night, 'unlock'))
    night.bench.dispatcher.wake()
    await night.end()
    expect(night.bench.deliveries('unlock')).toMatchObject([{ state: 'done' }])
    expect(night.bench.types()).toEqual(types)
  })
})

describe('a snapshot that cannot be taken', () => {
  test('lets the functions go, and asks them anew for its next try', async () => {
    const night = new Night((box) => ({ lock: holding(box), after: unlocking(box) }))
    const { create } = night.box.snapshots
    let failures = 2
    night.box.snapshots.create = async (...facts) => {
      if (failures-- > 0) throw new RetryableError('the volume group is locked')
      return create(...facts)
    }
    expect((await night.run('var')).state).toBe('succeeded')
    expect(night.story.slice(0, 6)).toEqual([
      'lock var',
      'unlock var, not taken',
      'after var, not taken',
      'lock var',
      'unlock var, not taken',
      'after var, not taken',
    ])
    expect(night.afters().map(({ taken }) => taken)).toEqual([false, false, true])
  })

  test('fails its source after three tries, and no other', async () => {
    const night = new Night((box) => ({ lock: holding(box) }))
    const { create } = night.box.snapshots
    night.box.snapshots.create = async (source, ...facts) => {
      if (source.name === 'var') throw new RetryableError('the volume group is locked')
      return create(source, ...facts)
    }
    const { sources } = await night.run('var', 'home')
    expect(sources.map(({ source, error }) => [source, error])).toEqual([
      ['var', 'snapshot.take: the volume group is locked'],
      ['home', null],
    ])
    expect(night.story.filter((line) => line === 'lock var')).toHaveLength(3)
  })
})

describe('a run that is cancelled', () => {
  test('while functions get ready stops them, and runs what undoes it after their end', async () => {
    const night = new Night((box) => ({
      stuck: preparing((context) => stuck(context).finally(() => void box.done.push('stopped'))),
      after: unlocking(box),
    }))
    await night.begin('var')
    await night.bench.dispatcher.endRun('run1', new CancelledError('Ctrl-C'))
    const { state, sources } = await night.end()
    expect([state, sources[0]?.state]).toEqual(['cancelled', 'cancelled'])
    expect(night.story).toEqual(['stopped', 'after var, not taken'])
  })

  test('while the snapshot is being taken runs what undoes it too', async () => {
    const night = new Night((box) => ({ lock: holding(box), after: unlocking(box) }))
    const { create } = night.box.snapshots
    const reached = Promise.withResolvers<void>()
    night.box.snapshots.create = async (...facts) => {
      await reached.promise
      return create(...facts)
    }
    await night.begin('var')
    await night.bench.dispatcher.endRun('run1', new CancelledError('Ctrl-C'))
    await turns(20)
    // lvcreate is let finish.
    reached.resolve()
    expect((await night.end()).state).toBe('cancelled')
    expect(night.story.at(-1)).toMatch(/^(after var, not taken|release var)$/)
    expect(night.story).toContain('after var, not taken')
  })
})
