import { hash, randomBytes } from 'node:crypto'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  openPackers,
  type Packed,
  type Packers,
  slotBytes,
} from '../../../../../../runtime/host/archive/pieces/archive-packers.ts'

const unpack = { zstd: zstdDecompressSync, gzip: gunzipSync, none: (bytes: Uint8Array) => Buffer.from(bytes) }

function open(...options: Parameters<typeof openPackers>) {
  const packers = openPackers(...options)
  onTestFinished(() => packers.close())
  return packers
}

/** Has pieces packed together. */
async function pack(packers: Packers, pieces: readonly Buffer[]) {
  const slot = await packers.slot()
  slot.raw.set(Buffer.concat(pieces))
  const packed = await packers.pack(
    slot,
    pieces.map(({ length }) => length),
  )
  return { packed, release: () => packers.release(slot) }
}

describe('openPackers()', () => {
  test.each(['zstd', 'gzip', 'none'] as const)(
    'gives back, with %s, what each piece unpacks from, and its digest',
    async (compression) => {
      const packers = open({ compression, level: undefined }, 3)
      const batches = [
        [Buffer.from('begins'.repeat(100))],
        // As many as there can be, and one of full size, neither of which can be compressed.
        Array.from({ length: slotBytes / 512 }, () => randomBytes(512)),
        [randomBytes(slotBytes)],
        ...Array.from({ length: 8 }, (_, n) => [
          Buffer.alloc(300_000, `${n}, again`),
          randomBytes(300_000 + n),
        ]),
        [Buffer.from('ends'.repeat(200))],
      ]
      const batchesPacked = batches.map(async (pieces) => {
        const { packed, release } = await pack(packers, pieces)
        const copies = packed.map(({ bytes, sha256 }) => ({ bytes: Buffer.from(bytes), sha256 }))
        release()
        return copies
      })
      for (const [n, packed] of (await Promise.all(batchesPacked)).entries()) {
        const unpacked = packed.map(({ bytes }) => unpack[compression](bytes))
        expect(Buffer.concat(unpacked).equals(Buffer.concat(batches[n] ?? []))).toBe(true)
        expect(unpacked.map(({ length }) => length)).toEqual(batches[n]?.map(({ length }) => length))
        for (const { bytes, sha256 } of packed)
          expect(sha256.equals(hash('sha256', bytes, 'buffer'))).toBe(true)
      }
    },
  )

  test('waits, once its memory is in use, until some of it is released', async () => {
    const packers = open({ compression: 'zstd', level: 10 }, 1)
    const ready: { packed: Packed[]; release(): void }[] = []
    const jobs = Array.from({ length: 5 }, () => pack(packers, [randomBytes(slotBytes)]))
    for (const job of jobs) void job.then((done) => ready.push(done))
    await Promise.all(jobs.slice(0, 3))
    expect(ready).toHaveLength(3)
    for (const { release } of ready) release()
    await Promise.all(jobs)
    expect(ready).toHaveLength(5)
  })

  test.each([
    ['zstd', 1, 19],
    ['gzip', 1, 9],
  ] as const)('compresses more, with %s, at a higher level', async (compression, low, high) => {
    const text = [Buffer.from(Array.from({ length: 30_000 }, (_, n) => `${n * n}`).join(' '))]
    const lengthAt = async (level: number) => {
      const { packed } = await pack(open({ compression, level }), text)
      return packed[0]?.bytes.length ?? 0
    }
    expect(await lengthAt(high)).toBeLessThan(await lengthAt(low))
  })
})
