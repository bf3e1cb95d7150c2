import { expect, test, vi } from 'vitest'
import { work } from '../../backup/events.ts'
import { benchOf, guest } from './guest-bench.ts'

const slow = (spec: string) =>
  guest(
    `async run({ data }, { log }) { log.info('+' + data.source); await sleep(300); log.info('-' + data.source) }`,
    spec,
  )

/** How the deliveries to the function stand, and what is in their logs. */
function fates(bench: Awaited<ReturnType<typeof benchOf>>['bench']) {
  return bench.deliveries('guest').map(({ state, log }) => [state, ...log.map(({ message }) => message)])
}

test('what comes while its key is busy is skipped, and says so', async () => {
  const { bench } = await benchOf({ guest: slow(`concurrency: { key: () => 'k', onBusy: 'skip' },`) })
  for (const source of ['a', 'b', 'c']) await bench.emit(work, { source })
  await vi.waitFor(() => expect(bench.said).toEqual(['+a', '-a']), { timeout: 60_000 })
  await bench.idle()
  expect(fates(bench)).toEqual([['done'], ['done', 'skipped: k is busy'], ['done', 'skipped: k is busy']])
  await bench.emit(work, { source: 'd' })
  await vi.waitFor(() => expect(bench.said).toHaveLength(4), { timeout: 60_000 })
})

test('of what waits behind its key the newest alone remains with `replace`', async () => {
  const { bench } = await benchOf({ guest: slow(`concurrency: { key: () => 'k', onBusy: 'replace' },`) })
  for (const source of ['a', 'b', 'c']) await bench.emit(work, { source })
  await vi.waitFor(() => expect(bench.said).toEqual(['+a', '-a', '+c', '-c']), { timeout: 60_000 })
  await bench.idle()
  expect(fates(bench)).toEqual([
    ['done'],
    ['done', 'skipped: k is busy, and a later one waits for it'],
    ['done'],
  ])
})

test.each([
  ['', 'the function'],
  ['concurrency: { key: (data) => data.source },', 'its key'],
])('of events that come close together the last one is handled: %s', async (concurrency, of) => {
  const debounced = guest(
    `run({ data, event }, { log }) { log.info(data.source + ' ' + event.runid) }`,
    `debounce: { wait: '30s', longest: '1m' }, ${concurrency}`,
  )
  const { bench } = await benchOf({ guest: debounced })
  /** Lets time pass once what came is in its place: its key is computed in another process. */
  const pass = async (ms: number) => {
    await bench.idle()
    await bench.clock.advance(ms)
  }
  await bench.emit(work, { source: 'a' }, 'run1')
  await pass(29_000)
  await bench.emit(work, { source: of === 'its key' ? 'b' : 'a' }, 'run2')
  await pass(1000)
  if (of === 'its key') await vi.waitFor(() => expect(bench.said).toEqual(['a run1']), { timeout: 60_000 })
  await pass(28_000)
  if (of === 'its key') return
  await bench.emit(work, { source: 'b' }, 'run3')
  await pass(1000)
  expect(bench.said).toEqual([])
  // The longest time, from the first event on.
  await pass(1000)
  await vi.waitFor(() => expect(bench.said).toEqual(['b run3']), { timeout: 60_000 })
  expect(bench.deliveries('guest', 'run1')).toMatchObject([
    { state: 'done', log: [{ message: 'skipped: another one came within 30s' }] },
  ])
})
