import { randomBytes } from 'node:crypto'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openPackers, type Packed, pieceBytes } from '../../../../runtime/host/archive-packers.ts'

const unpack = { zstd: zstdDecompressSync, gzip: gunzipSync, none: (bytes: Uint8Array) => Buffer.from(bytes) }

function open(...options: Parameters<typeof openPackers>) {
  const packers = openPackers(...options)
  onTestFinished(() => packers.close())
  return packers
}

describe('openPackers()', () => {
  test.each(['zstd', 'gzip', 'none'] as const)(
    'gives back, with %s, what one after the other unpacks to what was given',
    async (compression) => {
      const packers = open({ compression, level: undefined }, 3)
      // Small ones, one of full size that cannot be compressed, and one in many chunks.
      const pieces = [
        [Buffer.from('begins')],
        [randomBytes(pieceBytes)],
        Array.from({ length: 32 }, (_, n) => Buffer.alloc(pieceBytes / 32, `${n} and so on`)),
        ...Array.from({ length: 20 }, (_, n) => [randomBytes(100_000 + n)]),
        [Buffer.from('ends')],
      ]
      const packed = pieces.map((chunks) => packers.pack(chunks))
      const unpacked: Buffer[] = []
      for (const one of packed) {
        const { bytes, release } = await one
        unpacked.push(unpack[compression](Buffer.from(bytes)))
        release()
      }
      expect(Buffer.concat(unpacked).equals(Buffer.concat(pieces.flat()))).toBe(true)
    },
  )

  test('waits, once its memory is in use, until some of it is released', async () => {
    const packers = open({ compression: 'zstd', level: 10 }, 1)
    const ready: Packed[] = []
    const jobs = Array.from({ length: 4 }, () => packers.pack([randomBytes(pieceBytes)]))
    for (const job of jobs) void job.then((packed) => ready.push(packed))
    await Promise.all(jobs.slice(0, 2))
    expect(ready).toHaveLength(2)
    for (const { release } of ready) release()
    await Promise.all(jobs)
    expect(ready).toHaveLength(4)
  })

  test.each([
    ['zstd', 1, 19],
    ['gzip', 1, 9],
  ] as const)('compresses more, with %s, at a higher level', async (compression, low, high) => {
    const text = [Buffer.from(Array.from({ length: 30_000 }, (_, n) => `${n * n}`).join(' '))]
    const lengthAt = async (level: number) => (await open({ compression, level }).pack(text)).bytes.length
    expect(await lengthAt(high)).toBeLessThan(await lengthAt(low))
  })
})
