import { describe, expect, test } from 'vitest'
import { tellingLine } from '../../../../runtime/backup/telling-line.ts'

describe('tellingLine()', () => {
  test('is the first that names something wrong', () => {
    const invalidated = 'device-mapper: snapshots: Invalidating snapshot: Unable to allocate exception.'
    expect(tellingLine(['device-mapper: uevent: version 1.0.3', invalidated, 'Buffer I/O error'])).toBe(
      invalidated,
    )
    expect(tellingLine(['EXT4-fs (dm-3): INFO: recovery required', 'write access unavailable'])).toBe(
      'write access unavailable',
    )
  })

  test('is the last one where none does, if there is any', () => {
    expect(tellingLine(['mounting', 'mounted'])).toBe('mounted')
    expect(tellingLine([])).toBeUndefined()
  })
})
