import { describe, expect, test } from 'vitest'
import { parseSnapshotStatus } from '../../../../runtime/host/device-mapper.ts'

// Recorded from dmsetup 1.02.185, but for the overflow and the merge, which the kernel's sources name.
describe('parseSnapshotStatus()', () => {
  test('reads how full a thick snapshot is', () => {
    expect(parseSnapshotStatus('0 131072 snapshot 12352/32768 64\n')).toEqual({
      invalid: false,
      usedBytes: 12_352 * 512,
      totalBytes: 32_768 * 512,
    })
  })

  test.each(['Invalid', 'Overflow', 'Merge failed'])('sees that a snapshot is lost: %s', (word) => {
    expect(parseSnapshotStatus(`0 131072 snapshot ${word}\n`)).toMatchObject({ invalid: true })
  })

  test.each(['0 131072 thin 0 -', '0 131072 snapshot-origin ', '0 131072 linear ', ''])(
    'finds no thick snapshot in %j',
    (line) => expect(parseSnapshotStatus(line)).toBeUndefined(),
  )
})
