import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { catalogue } from '../../../../../events/index.ts'
import { ownFile } from '../../../../../runtime/backup/guests/provided-modules.ts'
import { loadGuests } from '../../../../../runtime/core/guests/guests.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { work } from '../../backup/events.ts'
import { failures, fewFailures } from './failures.ts'
import { benchOf, ended, events, fate, guest, preamble } from './guest-bench.ts'

describe.each([
  ['chain', Object.entries(failures)],
  ['aside', fewFailures],
] as const)('a function of the %s', (kind, which) => {
  test.each(which)('that %s: its delivery fails, and the others go on', async (_, [text, reason]) => {
    const aside = kind === 'aside' ? text.replace('retry:', 'aside: true, retry:') : text
    const good = guest(
      `async run({ data }, { log }) { await sleep(1); log.info('good ' + data.source) }`,
    ).replace('limit: 1', 'limit: 5')
    const { bench } = await benchOf({ guest: aside, good })
    await bench.emit(work, { source: 'one' })
    expect(await ended(bench)).toMatchObject({ state: 'dead', errors: [expect.stringMatching(reason)] })
    expect(await ended(bench, 'good')).toMatchObject({ state: 'done' })
    expect(fate(bench, 'own')).toEqual({ state: 'done', errors: [null] })
    // Nothing that it emitted exists, and the next one is run in a process that is well.
    expect(bench.types()).toEqual(['test.work', 'test.done', 'dead.lettered'])
    await bench.emit(work, { source: 'two' }, 'run2')
    expect(await ended(bench, 'good', 'run2')).toMatchObject({ state: 'done' })
    expect(bench.said).toContain('good two')
  })
})

test('who was only beside it when the process ended is tried again', async () => {
  const slow = guest(
    `async run(_, { log }) { log.info('begins'); globalThis.begun = true; await sleep(500); log.info('ends') }`,
  ).replace("limit: 1 }, timeout: '5s'", "limit: 3 }, timeout: '60s'")
  const { bench } = await benchOf({
    // The first time while the other one is at work, however long that takes to begin; then by itself.
    guest: guest(
      `async run() {
        for (let n = 0; n < 40 && !globalThis.begun; n++) await sleep(20)
        await sleep(100)
        process.kill(process.pid, 'SIGKILL')
      }`,
    ).replace('limit: 1', 'limit: 2'),
    slow,
  })
  await bench.emit(work, {})
  expect((await ended(bench, 'slow')).errors).toEqual([expect.stringMatching(/slow was cut off/), null])
  expect(await ended(bench)).toMatchObject({
    state: 'dead',
    errors: [/guest was cut off/, /guest: its process was ended by SIGKILL/].map((one) =>
      expect.stringMatching(one),
    ),
  })
  expect(bench.said).toEqual(['begins', 'begins', 'ends'])
})

test('what is thrown after the end of a call is told, in its log too', async () => {
  const { bench, warnings } = await benchOf({ guest: guest(`run() { void fetch('http://127.0.0.1:1/') }`) })
  await bench.emit(work, {})
  expect(await ended(bench)).toEqual({ state: 'done', errors: [null] })
  await vi.waitFor(
    () => expect(warnings).toEqual(['guest, after its end: fetch failed (nobody caught it)']),
    { timeout: 60_000 },
  )
  expect(bench.said).toEqual(['after its end: fetch failed (nobody caught it)'])
})

test('a file that never ends loading is left out, in the time that it has', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'loop.ts'), 'for (;;);', { mode: 0o600 })
  const options = { entry: ownFile('backup/guests/main'), memoryBytes: 2 ** 30, loadMs: 3000, warn() {} }
  const { failures, close } = await loadGuests(folder, [], catalogue, options)
  onTestFinished(close)
  expect(failures).toMatchObject([{ name: 'loop', message: 'took longer than 3 s to load' }])
})

test('what has one key is handled one after the other, in its order; other keys go on beside', async () => {
  const keyed = guest(
    `async run({ data }, { log }) { log.info('+' + data.source); await sleep(300); log.info('-' + data.source) }`,
    'concurrency: { key: (data) => data.source },',
  )
  const { bench } = await benchOf({ guest: keyed })
  for (const source of ['a', 'a', 'b']) await bench.emit(work, { source })
  await vi.waitFor(() => expect(bench.said).toHaveLength(6), { timeout: 60_000 })
  expect(bench.said.filter((line) => /a/.test(line))).toEqual(['+a', '-a', '+a', '-a'])
  expect(bench.said.indexOf('+b')).toBeLessThan(bench.said.lastIndexOf('+a'))
  await bench.idle()
  expect(bench.deliveries('guest').map(({ attempts }) => attempts.length)).toEqual([1, 1, 1])
})

test('of what has one key as many are handled at once as its limit says', async () => {
  const keyed = guest(
    `async run({ data }, { log }) { log.info('+' + data.source); await sleep(300); log.info('-' + data.source) }`,
    `concurrency: { key: () => 'k', limit: 2 },`,
  )
  const { bench } = await benchOf({ guest: keyed })
  for (const source of ['a', 'b', 'c']) await bench.emit(work, { source })
  await vi.waitFor(() => expect(bench.said).toHaveLength(6), { timeout: 60_000 })
  expect(bench.said.slice(0, 2)).toEqual(['+a', '+b'])
  expect(bench.said.indexOf('+c')).toBeGreaterThan(2)
})

test('a chain that feeds itself ends after 100 events, and says so', async () => {
  const loop = `const go = defineEvent('loop.go', z.strictObject({}))
    export default defineFunction({ on: [work, go], emits: [go], run(_, { emit }) { emit(go, {}) } })`
  const { bench } = await benchOf({ loop })
  await bench.emit(work, {})
  await vi.waitFor(() => expect(bench.types()).toContain('dead.lettered'), { timeout: 60_000 })
  expect(bench.types().filter((type) => type === 'loop.go')).toHaveLength(100)
  expect(bench.journal.dead()).toMatchObject([
    { function: 'loop', error: expect.stringContaining('feed itself') },
  ])
})

test('where their process does not even start, all functions are left out', async () => {
  const folder = temporaryFolder()
  for (const name of ['one', 'two']) writeFileSync(join(folder, `${name}.ts`), preamble, { mode: 0o600 })
  const options = { entry: join(folder, 'missing'), memoryBytes: 2 ** 30, warn() {} }
  const { functions, failures, close } = await loadGuests(folder, [], events, options)
  onTestFinished(close)
  const message = 'ended with exit code 1'
  expect(failures).toMatchObject([
    { name: 'one', message },
    { name: 'two', message },
  ])
  // Nothing is known of them: they may be gates.
  expect(functions.every(({ isAbsent }) => isAbsent)).toBe(true)
})
