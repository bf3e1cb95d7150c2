import { expect, test } from 'vitest'
import { onRecord } from '../../../../../runtime/backup/copies/proved.ts'

const night = (text: string) => new Date(text).getTime()
const proved = [
  { file: 'older', at: night('2026-11-27T03:00:00') },
  { file: 'first', at: night('2026-11-28T03:00:00') },
  { file: 'again', at: night('2026-11-28T03:00:00') },
  { file: 'second', at: night('2026-11-28T13:00:00') },
]

test.each([
  ['first', '2026-11-28T03:00:00', 'same'],
  ['again', '2026-11-28T03:00:00', 'same'],
  ['older', '2026-11-28T03:00:00', 'other'],
  ['second', '2026-11-28T03:00:00', 'other'],
  ['second', '2026-11-28T03:00:01', 'same'],
  ['older', '2026-11-28T03:00:01', 'other'],
  ['older', '2026-11-29T03:00:00', 'known'],
  ['nobody', '2026-11-29T03:00:00', 'unknown'],
])('%s of %s is on record as %s', (file, at, known) => {
  expect(onRecord(file, night(at), proved)).toBe(known)
})
