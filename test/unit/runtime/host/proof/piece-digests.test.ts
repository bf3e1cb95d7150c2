import { hash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { PieceDigests } from '../../../../../runtime/host/proof/piece-digests.ts'

const sha256 = (bytes: Uint8Array) => hash('sha256', bytes)

test.each([
  [0, 7],
  [64, 7],
  [100, 7],
  [128, 64],
  [1000, 999],
  [1000, 1001],
])(
  'of %i bytes in pieces of 64, however they come (%i at once), the whole and each piece is told',
  (length, atOnce) => {
    const bytes = randomBytes(length)
    const digests = new PieceDigests(64)
    for (let at = 0; at < length; at += atOnce) digests.update(bytes.subarray(at, at + atOnce))
    expect(digests.digest('hex')).toBe(sha256(bytes))
    const pieces = Array.from({ length: Math.ceil(length / 64) }, (_, n) =>
      sha256(bytes.subarray(n * 64, n * 64 + 64)),
    )
    expect(digests.pieces).toEqual(pieces.length > 1 ? pieces : [])
  },
)
