import { expect, test } from 'vitest'
import {
  backupStart,
  catalogue,
  type RunResult,
  runEnds,
  sourceAfter,
  sourceBefore,
} from '../../../events/index.ts'
import { type Context, defineFunction } from '../../../runtime/backup/function.ts'
import { loadRegistry, ownFunctions } from '../../../runtime/backup/load-functions.ts'
import { parseConfig } from '../../../runtime/config/config.ts'
import type { FunctionDefinition } from '../../../runtime/core/function.ts'
import { CancelledError, TerminalError } from '../../../runtime/errors.ts'
import { turns } from '../manual-clock.ts'
import { Bench } from '../runtime/backup/bench.ts'
import { Box } from './box.ts'

const { functions } = await loadRegistry({ ours: ownFunctions, users: '/nowhere' }, catalogue)
const definitions = Object.fromEntries(functions.map(({ name, definition }) => [name, definition]))

/** A night of two directories and a volume, with functions of a user's own, on a box that writes down what is done. */
class Night {
  readonly box = new Box()
  readonly bench: Bench

  constructor(own: (box: Box) => Record<string, FunctionDefinition>, gate = 'onTimeout: copy-anyway') {
    const config = parseConfig(
      `
sources:
  srv: { path: /srv, target: disk, gate: { timeout: 10m, ${gate} } }
  home: { path: /home, target: disk }
  var: { lv: vg01/lv_var, target: disk }
targets: { disk: { path: /mnt/disk } }`,
      'gates.yaml',
    )
    this.bench = new Bench({ ...definitions, ...own(this.box) }, { host: this.box, config })
  }

  async run(...sources: string[]): Promise<RunResult> {
    this.bench.start()
    await this.bench.emit(backupStart, { sources })
    return this.end()
  }

  /** Lets it come to its end, which it has exactly once, with one `source.after` for each `source.before`. */
  async end(): Promise<RunResult> {
    await turns(200)
    await this.bench.clock.advance(3 * 3_600_000)
    const { bus } = this.bench
    const ends = bus.events({ types: runEnds.map(({ type }) => type) })
    expect(ends).toHaveLength(1)
    expect(bus.open()).toEqual([])
    const announced = bus.events({ types: [sourceBefore.type] }).map(({ id }) => id)
    expect(this.afters().map(({ before }) => before)).toEqual(announced)
    return ends[0]?.data as RunResult
  }

  afters() {
    return this.bench.bus
      .events({ types: [sourceAfter.type] })
      .map(({ data }) => data as { source: string; before: string; copied: boolean; reason?: string })
  }

  get story(): string[] {
    return this.box.done.filter((line) => !/^(flush|archive|close|open)/.test(line))
  }
}

const before = (run: (context: Context, source: string) => Promise<void> | void) =>
  defineFunction({
    on: sourceBefore,
    emits: [],
    retry: { limit: 1 },
    run: ({ data }, context) => run(context, data.source),
  })

const after = (box: Box) =>
  defineFunction({
    on: sourceAfter,
    emits: [],
    run: ({ data }) => void box.done.push(`after ${data.source}, ${data.copied ? 'copied' : data.reason}`),
  })

const stuck = ({ signal }: Context) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

const copies = ({ story }: Night) => story.filter((line) => line.startsWith('sync'))

test('without a function at the gate a directory is copied as ever', async () => {
  const night = new Night(() => ({}))
  expect((await night.run('srv')).state).toBe('succeeded')
  expect(night.bench.types().filter((type) => /^(source\.(before|prepare|after)|sync)/.test(type))).toEqual([
    'sync.run',
  ])
})

test('each directory waits for its functions, a volume does not; source.after tells how it went', async () => {
  const night = new Night((box) => ({
    dump: before((_, source) => void box.done.push(`dump ${source}`)),
    after: after(box),
  }))
  expect((await night.run('srv', 'home', 'var')).state).toBe('succeeded')
  const { story } = night
  for (const source of ['srv', 'home']) {
    const own = story.filter((line) => line.split(/[ ,]/)[1] === source)
    expect(own).toEqual([
      `dump ${source}`,
      expect.stringMatching(`^sync ${source}`),
      `after ${source}, copied`,
    ])
  }
  expect(story).not.toContain('dump var')
})

test.each([
  ['fails', () => Promise.reject(new TerminalError('no space')), 'dump failed: no space'],
  ['takes too long', stuck, 'dump was not ready within 10m'],
])('one that %s: it is copied with a warning, or given up', async (_, run, problem) => {
  const anyway = new Night((box) => ({ dump: before(run), after: after(box) }))
  expect(await anyway.run('srv', 'home')).toMatchObject({
    sources: [{ source: 'srv', state: 'degraded' }, { source: 'home' }],
  })
  expect(copies(anyway)).toHaveLength(2)
  expect(anyway.bench.bus.events({ types: ['source.warned'], subject: 'srv' })[0]?.data).toMatchObject({
    step: 'source.before',
    reason: `it was copied although ${problem}`,
  })

  const strict = new Night((box) => ({ dump: before(run), after: after(box) }), 'onTimeout: give-up')
  const error = `source.prepare: the copy was given up, as ${problem}`
  expect((await strict.run('srv', 'home')).sources[0]).toMatchObject({
    source: 'srv',
    state: 'failed',
    error,
  })
  expect(copies(strict)).toEqual([expect.stringMatching('^sync home')])
  expect(strict.afters()[0]).toMatchObject({ copied: false, reason: `the copy was given up, as ${problem}` })
})

test('a run that is cancelled while it waits tells the functions after it, and copies nothing', async () => {
  const night = new Night((box) => ({ dump: before(stuck), after: after(box) }))
  night.bench.start()
  await night.bench.emit(backupStart, { sources: ['srv'] })
  await turns(200)
  const runId = night.bench.bus.events({ types: [sourceBefore.type] })[0]?.runid ?? ''
  await night.bench.dispatcher.endRun(runId, new CancelledError('cancelled by hand'))
  expect((await night.end()).state).toBe('cancelled')
  expect(night.story.filter((line) => !line.startsWith('prove'))).toEqual(['after srv, cancelled by hand'])
})

test('a copy that fails or is held is told of as well', async () => {
  const failing = new Night((box) => ({ after: after(box) }))
  failing.box.beforeSync = () => {
    throw new TerminalError('disk full')
  }
  await failing.run('srv')
  expect(failing.afters()).toMatchObject([{ source: 'srv', copied: false, reason: 'disk full' }])
  const held = new Night((box) => ({ after: after(box) }))
  held.box.deletions.srv = 300
  await held.run('srv')
  expect(held.afters()).toMatchObject([{ source: 'srv', copied: false, reason: 'the sync is held' }])
})

test('what fails after the copy makes the source degraded', async () => {
  const night = new Night(() => ({
    after: defineFunction({
      on: sourceAfter,
      emits: [],
      run() {
        throw new TerminalError('it does not start')
      },
    }),
  }))
  expect((await night.run('srv')).state).toBe('degraded')
  expect(night.bench.bus.events({ types: ['source.warned'] })[0]?.data).toMatchObject({
    step: 'source.after',
    reason: 'after failed after the copy: it does not start',
  })
})
