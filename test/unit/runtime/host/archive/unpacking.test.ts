import { once } from 'node:events'
import { constants, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { unpacking } from '../../../../../runtime/host/archive/unpacking.ts'

const frame = zstdCompressSync(Buffer.from('a mirror of many files '.repeat(100_000)), {
  params: { [constants.ZSTD_c_checksumFlag]: 1 },
})
const skipped = Buffer.from('5d2a4d180400000001020304', 'hex')

/** Writes chunk after chunk, as they are read from a disk. */
async function unpacked(...chunks: Uint8Array[]): Promise<unknown> {
  const { input, output, result } = unpacking()
  output.resume()
  input.on('error', () => {})
  for (const chunk of chunks) {
    if (!input.writable) break
    await new Promise((resolve) => input.write(chunk, resolve))
  }
  input.end()
  return result.then(
    () => 'sound',
    (error) => error.message,
  )
}

const changed = (bytes: Uint8Array, at: number) => bytes.with(at < 0 ? bytes.length + at : at, 0x55)

test.each([
  ['one frame', [frame]],
  ['frames and what is to be skipped', [Buffer.concat([frame, frame, skipped, frame, skipped])]],
  ['frames that are cut anywhere', [frame.subarray(0, 11), frame.subarray(11), frame, skipped]],
])('unpacking() of %s ends well', async (_, chunks) => {
  expect(await unpacked(...chunks)).toBe('sound')
})

test.each([
  ['nothing', []],
  ['a frame without its end', [frame.subarray(0, -1)]],
  ['a second frame without its end', [frame, frame.subarray(0, -5)]],
  ['a wrong checksum', [changed(frame, -1)]],
  ['a wrong byte in the middle', [changed(frame, frame.length >> 1)]],
  ['something else', [Buffer.from('something else')]],
  ['something else behind a frame', [Buffer.concat([frame, Buffer.from('something else')])]],
  ['something else between two frames', [Buffer.concat([frame, Buffer.alloc(512), frame])]],
  ['something else in a chunk of its own', [frame, Buffer.from('something else'), frame]],
])('unpacking() of %s fails', async (_, chunks) => {
  expect(await unpacked(...chunks)).not.toBe('sound')
})

test('unpacking() that is given up fails', async () => {
  const { input, output, result } = unpacking()
  output.resume()
  input.write(frame)
  input.destroy()
  await once(input, 'close')
  await expect(result).rejects.toThrow()
})
