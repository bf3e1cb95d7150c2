import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { createRunner, unobserved } from '../../../../../runtime/host/command/command.ts'
import { performSteps } from '../../../../../runtime/host/machine/perform-steps.ts'
import type { RescueJournal } from '../../../../../runtime/host/machine/rescue-journal.ts'
import type { Step } from '../../../../../runtime/host/machine/step.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

let folder: string
let written: RescueJournal[]
let begun: string[]
let failures: string[]

beforeEach(() => {
  folder = temporaryFolder()
  written = []
  begun = []
  failures = []
})

/** Real commands on real files, with a journal in memory. */
async function perform(
  steps: Step[],
  journal: Partial<RescueJournal> = {},
): Promise<RescueJournal | undefined> {
  const signal = new AbortController().signal
  const runner = createRunner({ observer: unobserved, signal, owner: 'test' })
  const begin: RescueJournal = { key: 'k', disks: [], steps, notes: [], done: [], ended: false, ...journal }
  await performSteps(begin, {
    runner,
    signal,
    owner: 'test',
    place: { path: folder, read: () => undefined, write: (value) => void written.push(value) },
    hdsync: ['false'],
    begins: ({ id }) => void begun.push(id),
    failed: ({ id }, reason) => void failures.push(`${id}: ${reason}`),
  })
  return written.at(-1)
}

/** Makes a file, which a further `mkdir` would fail on: as with a volume, one sees whether it was made twice. */
function making(id: string, more: Partial<Step> = {}): Step {
  return { id, why: id, argv: ['mkdir', join(folder, id)], ...more }
}

test('each step is written down as begun before it is done, and as done after it', async () => {
  const last = await perform([making('a'), making('b')])
  expect(last).toMatchObject({ done: ['a', 'b'], ended: true })
  expect(written.map(({ done, doing }) => [done.join(), doing])).toEqual([
    ['', 'a'],
    ['a', undefined],
    ['a', 'b'],
    ['a,b', undefined],
    ['a,b', undefined],
  ])
})

test('a step that fails stops it, and one that may fail is told of', async () => {
  const steps = [{ ...making('may'), argv: ['false'] as const, mayFail: true as const }, making('a')]
  await perform(steps)
  expect(failures).toEqual([expect.stringMatching(/^may: false ended with exit code 1/)])
  await expect(perform([making('a'), making('b')])).rejects.toThrow(/mkdir/)
  expect(written.at(-1)).toMatchObject({ doing: 'a', done: [], ended: false })
})

test('what was done is not done again, unless it lasts no longer than the live system', async () => {
  const path = join(folder, 'mounted')
  const steps = [making('a'), { ...making('b'), again: { exists: path, argv: ['touch', path] as const } }]
  await perform(steps, { done: ['a', 'b'] })
  expect(begun).toEqual([])
  expect(existsSync(path)).toBe(true)
})

test('one that was cut off after it had come to its end is brought back, not made twice', async () => {
  const [volume, node] = [join(folder, 'volume'), join(folder, 'node')]
  const create = ['sh', '-c', `mkdir ${volume} && touch ${node}`] as const
  const activate = ['sh', '-c', `test -d ${volume} && touch ${node}`] as const
  const step: Step = { id: 'lv', why: 'a volume', argv: create, again: { exists: node, argv: activate } }
  await perform([making('volume')])
  await perform([step], { doing: 'lv' })
  expect(begun).toEqual(['volume'])
  expect(existsSync(node)).toBe(true)
})

test('one that was cut off before it had is made', async () => {
  const path = join(folder, 'a')
  const step = making('a', { again: { exists: path, argv: ['false'] } })
  await perform([step], { doing: 'a' })
  expect(begun).toEqual(['a'])
  expect(existsSync(path)).toBe(true)
})

test('a restore that did not bring back everything is told of, and the rest is done', async () => {
  const step: Step = { id: 'r', why: 'source var', argv: ['hdsync', 'restore'], fills: folder }
  const last = await perform([step, { ...making('a'), argv: ['tee', join(folder, 'said')], input: 'text' }])
  expect(failures).toEqual(['r: not everything came back; what did not is listed above'])
  expect(last?.ended).toBe(true)
  expect(readFileSync(join(folder, 'said'), 'utf8')).toBe('text')
})
