import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { ChunkCutter } from '../../../../../../runtime/host/copies/sealed/chunk-cutter.ts'
import { ChunkKeys, mostChunkBytes } from '../../../../../../runtime/host/copies/sealed/layout.ts'

const gear = new ChunkKeys(randomBytes(32), '0123456789abcdef').gear()

/** The ends of chunks, of bytes that come in parts of so many. */
function ends(bytes: Buffer, frames: number[], partBytes: number, own = gear): number[] {
  const cutter = new ChunkCutter(own, frames)
  const found: number[] = []
  for (let at = 0; at < bytes.length; at += partBytes)
    found.push(...cutter.ends(bytes.subarray(at, at + partBytes)).map((end) => at + end))
  return found
}

const frames = Array.from({ length: 300 }, (_, n) => [3, 0, 700, 5000, 40_000, 31, 120_000][n % 7] ?? 0)
const bytes = randomBytes(6_000_000)

test('chunks end at the same places, however the bytes come', () => {
  const whole = ends(bytes, frames, bytes.length)
  for (const partBytes of [7, 31, 1000, 4096, 100_003]) expect(ends(bytes, frames, partBytes)).toEqual(whole)
})

test('a frame that is not small ends a chunk, and no chunk is longer than is allowed', () => {
  const whole = ends(bytes, frames, bytes.length)
  let at = 0
  for (const frame of frames) {
    at += frame
    if (frame < 700 || at >= bytes.length) continue
    // Where the bytes have ended one just before, what is left of the frame is small.
    const before = whole.findLast((end) => end <= at) ?? 0
    expect(before === at || at - before < 512).toBe(true)
    if (frame < 16_000) expect(before).toBe(at)
  }
  const zeros = ends(Buffer.alloc(3_000_000), [], 100_000, new Uint32Array(256).fill(1))
  expect(zeros[0]).toBe(mostChunkBytes)
})

test('where there are no frames, the bytes say where chunks end: what is put in moves the nearest ends alone', () => {
  const before = ends(bytes, [], bytes.length)
  const after = ends(Buffer.concat([randomBytes(1000), bytes]), [], bytes.length)
  expect(before.length).toBeGreaterThan(20)
  expect(after.slice(-20)).toEqual(before.slice(-20).map((end) => end + 1000))
  expect(
    ends(bytes, [], bytes.length, new ChunkKeys(randomBytes(32), '0123456789abcdef').gear()),
  ).not.toEqual(before)
})
