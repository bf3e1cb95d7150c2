import { describe, expect, test } from 'vitest'
import { deviceMapperId, parseSnapshotStatus } from '../../../../../runtime/host/lvm/device-mapper.ts'

// Recorded from dmsetup 1.02.185, but for the overflow and the merge, which the kernel's sources name.
describe('parseSnapshotStatus()', () => {
  test('reads how full a thick snapshot is', () => {
    expect(parseSnapshotStatus('0 131072 snapshot 12352/32768 64\n')).toEqual({
      invalid: false,
      usedBytes: 12_352 * 512,
      totalBytes: 32_768 * 512,
      usedPercent: 37.7,
    })
  })

  test('finds nothing in one that was just taken', () => {
    expect(parseSnapshotStatus('0 81920 snapshot 16/32768 16')).toMatchObject({ usedPercent: 0 })
  })

  test.each(['Invalid', 'Overflow', 'Merge failed'])('sees that a snapshot is lost: %s', (word) => {
    expect(parseSnapshotStatus(`0 131072 snapshot ${word}\n`)).toMatchObject({
      invalid: true,
      usedPercent: 100,
    })
  })

  test.each(['0 131072 thin 0 -', '0 131072 snapshot-origin ', '0 131072 linear ', ''])(
    'finds no thick snapshot in %j',
    (line) => expect(parseSnapshotStatus(line)).toBeUndefined(),
  )
})

test('deviceMapperId() of what is no device of the mapper, or not there, is unknown', () => {
  expect(deviceMapperId('1:3')).toBeUndefined()
  expect(deviceMapperId('254:99999')).toBeUndefined()
})
