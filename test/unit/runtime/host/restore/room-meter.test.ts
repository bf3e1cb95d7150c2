import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RoomMeter } from '../../../../../runtime/host/restore/room-meter.ts'
import type { Progress } from '../../../../../runtime/progress.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const mib = 1024 ** 2

test('what is written into a folder is told as it comes, never less than before, and all of it in the end', () => {
  const folder = temporaryFolder()
  const told: Progress[] = []
  using meter = new RoomMeter(folder, 1024 * mib, (progress) => told.push(progress))
  writeFileSync(join(folder, 'one'), Buffer.alloc(32 * mib, 'x'))
  meter.look()
  rmSync(join(folder, 'one'))
  meter.look()
  const [first, second] = told as [Progress, Progress]
  // Other tests write to the same disk.
  expect(first.bytes).toBeGreaterThan(8 * mib)
  expect(first.bytes).toBeLessThanOrEqual(1024 * mib)
  expect(first.bytesPerSecond).toBeGreaterThan(0)
  expect(second.bytes).toBeGreaterThanOrEqual(first.bytes)
  meter.end()
  expect(told.at(-1)).toMatchObject({ bytes: 1024 * mib, totalBytes: 1024 * mib })
})

test('more than the total is never told, and a total that is not known is not made up', () => {
  const folder = temporaryFolder()
  for (const total of [mib, null]) {
    const told: Progress[] = []
    using meter = new RoomMeter(folder, total, (progress) => told.push(progress))
    writeFileSync(join(folder, `file-${total}`), Buffer.alloc(16 * mib, 'x'))
    meter.look()
    expect(told[0]?.totalBytes).toBe(total)
    if (total !== null) expect(told[0]?.bytes).toBeLessThanOrEqual(total)
  }
})
