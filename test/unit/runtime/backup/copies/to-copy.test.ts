import { expect, test } from 'vitest'
import { archivesToCopy, type CopyFacts } from '../../../../../runtime/backup/copies/to-copy.ts'
import type { KeepPoint } from '../../../../../runtime/backup/keep/points.ts'

const day = 86_400_000
const today = new Date(2026, 10, 22, 3).getTime()

function archive(daysAgo: number, sha256: string, state: KeepPoint['state'] = 'good'): KeepPoint {
  const at = today - daysAgo * day
  const path = `/disk/kept/${daysAgo}/var.tar.zst`
  return {
    path,
    folder: `kept/${daysAgo}`,
    file: sha256,
    at,
    state,
    sha256,
    sizeBytes: 1,
    diskBytes: 1,
    writtenMs: at,
  }
}

const wanted = (facts: Partial<CopyFacts>) =>
  archivesToCopy({
    archives: [],
    there: [],
    rules: undefined,
    isUnusual: false,
    clockAgrees: true,
    ...facts,
  }).map(({ sha256 }) => sha256)

test('archivesToCopy() takes the newest good archive of each night, the newest night first', () => {
  const later = { ...archive(1, 'later'), at: today - day + 3_600_000 }
  const archives = [
    archive(2, 'two'),
    archive(1, 'one'),
    later,
    archive(0, 'zero'),
    archive(3, 'bad', 'damaged'),
    archive(4, 'what', 'unknown'),
  ]
  expect(wanted({ archives })).toEqual(['zero', 'later', 'two'])
})

test('archivesToCopy() leaves out what is there, and takes what is there damaged or unread', () => {
  const archives = [archive(0, 'a'), archive(1, 'b'), archive(2, 'c')]
  expect(
    wanted({ archives, there: [archive(0, 'a'), archive(1, 'b', 'damaged'), archive(2, 'c', 'unknown')] }),
  ).toEqual(['b', 'c'])
})

test('archivesToCopy() replaces the copy of a night, but not while something unusual is open, or the clock may have jumped', () => {
  const facts = { archives: [archive(0, 'new')], there: [archive(0, 'old')] }
  expect(wanted(facts)).toEqual(['new'])
  expect(wanted({ ...facts, isUnusual: true })).toEqual([])
  expect(wanted({ ...facts, clockAgrees: false })).toEqual([])
  expect(wanted({ archives: facts.archives, clockAgrees: false })).toEqual(['new'])
})

test.each([[['zst', 'gz']], [['gz', 'zst']]])(
  'archivesToCopy() is content with one of the copies of a night that has several: %s',
  (there) => {
    const archives = [archive(0, 'zst')]
    expect(wanted({ archives, there: there.map((sha256) => archive(0, sha256)) })).toEqual([])
  },
)

test('archivesToCopy() takes nothing that `keep` would remove at once', () => {
  const rules = { daily: 2, weekly: 0, monthly: 0, yearly: 0, atLeast: 1 }
  const archives = [0, 1, 2, 3].map((days) => archive(days, `of ${days}`))
  expect(wanted({ archives, rules })).toEqual(['of 0', 'of 1'])
  expect(wanted({ archives, rules: { ...rules, atLeast: 3 } })).toEqual(['of 0', 'of 1', 'of 2'])
  expect(wanted({ archives, rules, there: [archive(0, 'of 0'), archive(1, 'of 1')] })).toEqual([])
})
