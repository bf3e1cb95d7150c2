import { constants, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pack } from '../../../../../../runtime/host/archive/archive-compression.ts'
import { ZstdFrames } from '../../../../../../runtime/host/archive/pieces/zstd-frames.ts'

const packing = { compression: 'zstd', level: 3 } as const

/** The sizes of frames, measured while they pass in chunks of this size. */
function measured(bytes: Uint8Array, size = bytes.length): number[] | undefined {
  const frames = new ZstdFrames()
  for (let at = 0; at < bytes.length; at += size) frames.add(bytes.subarray(at, at + size))
  const found = frames.end()
  return found && Array.from({ length: 2 * found.count }, (_, n) => found.sizes.readUInt32LE(4 * n))
}

describe('ZstdFrames', () => {
  test('measures frames of all kinds, in chunks of any size', () => {
    const content = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 3000 }),
      fc.integer({ min: 1, max: 600_000 }).map((length) => new Uint8Array(length)),
      fc.integer({ min: 1, max: 3000 }).map((n) => Buffer.from('some words to be packed '.repeat(n))),
    )
    fc.assert(
      fc.property(
        fc.array(content, { maxLength: 8 }),
        fc.integer({ min: 1, max: 5000 }),
        (contents, size) => {
          const frames = contents.map((one) => pack(one, packing))
          const sizes = frames.flatMap((frame, n) => [frame.length, contents[n]?.length ?? 0])
          expect(measured(Buffer.concat(frames), size)).toEqual(sizes)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('measures frames without a checksum', () => {
    const frame = zstdCompressSync(Buffer.alloc(70_000, 'x'), { pledgedSrcSize: 70_000 })
    expect(measured(frame, 7)).toEqual([frame.length, 70_000])
  })

  test('knows of none where a frame does not tell how much it holds', () => {
    const params = { [constants.ZSTD_c_contentSizeFlag]: 0 }
    expect(measured(zstdCompressSync(Buffer.alloc(70_000), { params }))).toBeUndefined()
  })

  test('knows of none where something else has passed, or a frame was cut off', () => {
    const frame = pack(Buffer.alloc(3000, 'x'), packing)
    expect(measured(Buffer.concat([frame, Buffer.from('something else')]))).toBeUndefined()
    expect(measured(frame.subarray(0, -1))).toBeUndefined()
  })
})
