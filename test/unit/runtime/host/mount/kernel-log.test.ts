import { describe, expect, test } from 'vitest'
import { kernelSaid, parseDmesg, uptimeSeconds } from '../../../../../runtime/host/mount/kernel-log.ts'
import { recordingRunner } from '../runner.ts'

// Recorded while a snapshot that had overflowed was mounted.
const recorded = `[    1.550000] device-mapper: uevent: version 1.0.3
[    3.950000] device-mapper: snapshots: Invalidating snapshot: Unable to allocate exception.
[    4.720000] Buffer I/O error on dev dm-9, logical block 16368, async page read
[    4.720000] REISERFS warning (device dm-9): sh-2006 read_super_block: bread failed (dev dm-9, block 2, size 4096)
[    4.720000] EXT4-fs (dm-9): unable to read superblock
`

describe('parseDmesg()', () => {
  test('finds what was said since a moment, without the time', () => {
    expect(parseDmesg(recorded, 4.5)).toEqual([
      'Buffer I/O error on dev dm-9, logical block 16368, async page read',
      'REISERFS warning (device dm-9): sh-2006 read_super_block: bread failed (dev dm-9, block 2, size 4096)',
      'EXT4-fs (dm-9): unable to read superblock',
    ])
  })

  test('does not miss what was said at that moment, as the two clocks are rounded', () => {
    expect(parseDmesg(recorded, 4.75)).toHaveLength(3)
    expect(parseDmesg(recorded, 4.9)).toEqual([])
  })

  test('reads the log of a machine that has been up for long, and of one without colours or times', () => {
    expect(parseDmesg('[12345678.901234] EXT4-fs error\n', 12_345_678)).toEqual(['EXT4-fs error'])
    expect(parseDmesg('EXT4-fs error\n\n<4>other\n', 0)).toEqual([])
  })
})

test('uptimeSeconds() goes on', () => {
  expect(uptimeSeconds()).toBeGreaterThan(0)
})

test('kernelSaid() keeps the last lines, and has none where the log may not be read', async () => {
  const { runner } = recordingRunner()
  const argv = ['printf', '%s', recorded] as const
  expect(await kernelSaid({ ...runner, run: (command) => runner.run({ ...command, argv }) }, 0, 2)).toEqual(
    parseDmesg(recorded, 0).slice(-2),
  )
  const denied = { ...runner, run: () => runner.run({ argv: ['false'], timeoutMs: 1000 }) }
  expect(await kernelSaid(denied, 0)).toEqual([])
})
