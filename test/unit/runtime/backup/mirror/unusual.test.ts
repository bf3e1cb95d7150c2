import { expect, test } from 'vitest'
import {
  type Envelope,
  type EventDefinition,
  type InputOf,
  sourceSynced,
  syncMeant,
  syncUnusual,
} from '../../../../../events/index.ts'
import { isUnusual, openUnusual, unusualCopy } from '../../../../../runtime/backup/mirror/unusual.ts'
import { envelopeFor } from '../../../../../runtime/backup/rehearsal.ts'

test.each([
  ['a night as any other', 900, 10_000, [800, 1000, 700], false],
  ['four times as much as the most before', 4000, 10_000, [1000, 10, 10], false],
  ['more than that', 4001, 10_000, [1000, 10, 10], true],
  ['more than that, and few of all', 1500, 10_000, [3, 3, 3], false],
  ['most of a source that changes a little each night', 9000, 10_000, [50, 60, 10], true],
  ['most of a source that is rewritten every night', 9500, 10_000, [9000, 9200, 9100], false],
  ['all of a source that never changes', 200, 200, [0, 0, 0, 0], true],
  ['all of a tiny source', 10, 10, [0, 0, 0], false],
  ['more than half, of which little is known', 160, 200, [1, 1], true],
  ['half, of which little is known', 100, 200, [], false],
  ['nothing of nothing', 0, 0, [], false],
])('isUnusual() judges %s', (_, changed, files, before, expected) => {
  expect(isUnusual({ changed, files, before })).toBe(expected)
})

function event<E extends EventDefinition>(run: string, definition: E, data: InputOf<E>): Envelope {
  return { ...envelopeFor(definition, data), runid: run }
}

const copied = (filesChanged: number, files = 1000) => ({
  ...{ filesTransferred: filesChanged, bytesTransferred: 1, filesDeleted: 0, filesChanged },
  counted: { files, notCopied: 0, exclude: '' },
})
const night = (run: string, changed: number) =>
  event(run, sourceSynced, { source: 'var', ...copied(changed) })
const unusual = (run: string) =>
  event(run, syncUnusual, { source: 'var', changed: 900, files: 1000, usual: null })

test('unusualCopy() measures a copy against the nights before it', () => {
  const quiet = ['d', 'c', 'b', 'a'].map((run) => night(run, 20))
  expect(unusualCopy('var', copied(900), quiet)).toEqual({
    source: 'var',
    changed: 900,
    files: 1000,
    usual: 20,
  })
  expect(unusualCopy('var', copied(40), quiet)).toBeUndefined()
  expect(unusualCopy('var', copied(900), [])).toBeUndefined()
  // As long as nobody says that it was meant, one that was unusual makes no other one usual.
  const after = [unusual('e'), night('e', 900), ...quiet]
  expect(unusualCopy('var', copied(900), after)).toBeDefined()
  const meant = event('', syncMeant, { source: 'var' })
  expect(unusualCopy('var', copied(900), [meant, ...after])).toBeUndefined()
})

test('openUnusual() is the oldest that nobody has said was meant', () => {
  const meant = event('', syncMeant, { source: 'var' })
  expect(openUnusual([night('a', 1)])).toBeUndefined()
  const first = { ...unusual('a'), time: '2026-11-01T00:00:00.000Z' }
  expect(openUnusual([unusual('b'), first])?.at).toBe(Date.parse(first.time))
  expect(openUnusual([meant, unusual('b'), first])).toBeUndefined()
  expect(openUnusual([unusual('b'), meant, first])?.at).not.toBe(Date.parse(first.time))
})
