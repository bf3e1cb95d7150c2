import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type SizeFacts, snapshotSizeBytes } from '../../../../runtime/backup/snapshot-size.ts'
import { TerminalError } from '../../../../runtime/errors.ts'

const mib = 1024 ** 2
const gib = 1024 ** 3
const extentBytes = 4 * mib

const facts: SizeFacts = {
  wanted: { size: 'auto' },
  sizeBytes: 10 * gib,
  freeBytes: 100 * gib,
  extentBytes,
  usedBytes: [],
}
const size = (some: Partial<SizeFacts>) => snapshotSizeBytes({ ...facts, ...some })
/** Room for a copy of the whole volume, with its metadata. */
const whole = Math.ceil((facts.sizeBytes * 1.005) / extentBytes) * extentBytes + extentBytes

const amount = fc.oneof(
  fc.record({ bytes: fc.integer({ min: 1, max: 2 ** 45 }) }),
  fc.record({ percent: fc.integer({ min: 1, max: 100 }) }),
)
const anyFacts: fc.Arbitrary<SizeFacts> = fc.record({
  wanted: fc.record(
    { size: fc.oneof(fc.constant('auto' as const), amount), max: amount },
    { requiredKeys: ['size'] },
  ),
  sizeBytes: fc.integer({ min: 1, max: 2 ** 45 }),
  freeBytes: fc.integer({ min: 0, max: 2 ** 46 }),
  extentBytes: fc.integer({ min: 0, max: 17 }).map((power) => 2 ** (10 + power)),
  usedBytes: fc.array(fc.double({ min: 0, max: 2 ** 45, noNaN: true }), { maxLength: 5 }),
  overflowedBytes: fc.option(fc.integer({ min: 1, max: 2 ** 44 }), { nil: undefined }),
})

/** The size, undefined when there is too little room. */
function sizeIfAny(some: SizeFacts): number | undefined {
  try {
    return snapshotSizeBytes(some)
  } catch (error) {
    expect(error).toBeInstanceOf(TerminalError)
    return undefined
  }
}

describe('snapshotSizeBytes()', () => {
  test('is in whole extents, at least one, and never more than there is room for', () => {
    fc.assert(
      fc.property(anyFacts, (some) => {
        const bytes = sizeIfAny(some)
        if (bytes === undefined) return
        expect(bytes % some.extentBytes).toBe(0)
        expect(bytes).toBeGreaterThanOrEqual(some.extentBytes)
        expect(bytes).toBeLessThanOrEqual(some.freeBytes)
      }),
    )
  })

  test('is never more than a copy of the whole volume needs', () => {
    fc.assert(
      fc.property(anyFacts, (some) => {
        const bytes = sizeIfAny(some) ?? 0
        expect(bytes).toBeLessThanOrEqual(some.sizeBytes * 1.005 + 2 * some.extentBytes)
      }),
    )
  })

  test('is at least doubled after an overflow, up to a copy of the whole volume', () => {
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: 1, max: 2 ** 44 }), (some, overflowedBytes) => {
        const bytes = snapshotSizeBytes({
          ...some,
          wanted: { size: some.wanted.size },
          freeBytes: 2 ** 50,
          overflowedBytes,
        })
        expect(bytes).toBeGreaterThanOrEqual(Math.min(2 * overflowedBytes, some.sizeBytes))
      }),
    )
  })

  test('grows after every overflow, or gives up', () => {
    fc.assert(
      fc.property(anyFacts, (some) => {
        const first = sizeIfAny(some)
        if (first === undefined || first >= some.sizeBytes * 1.005 || some.wanted.max) return
        const second = sizeIfAny({ ...some, overflowedBytes: first })
        expect(second ?? Number.POSITIVE_INFINITY).toBeGreaterThan(first)
      }),
    )
  })

  test.each<[string, Partial<SizeFacts>, number]>([
    ['a fifth of a volume that nothing is known of', {}, 2 * gib],
    ['at least 64 MiB', { sizeBytes: 100 * mib }, 64 * mib],
    ['twice what the busiest night needed', { usedBytes: [mib, 500 * mib, 2 * mib] }, 1000 * mib],
    ['at least 64 MiB after quiet nights', { usedBytes: [0, mib] }, 64 * mib],
    ['no more than the whole volume', { usedBytes: [9 * gib] }, whole],
    ['no more than `max`', { wanted: { size: 'auto', max: { bytes: gib } } }, gib],
    ['what the config says', { wanted: { size: { bytes: 100 * mib } } }, 100 * mib],
    ['the share that the config says', { wanted: { size: { percent: 30 } } }, 3 * gib],
    ['what the config says in whole extents', { wanted: { size: { bytes: 5 * mib } } }, 8 * mib],
    ['twice what overflowed', { overflowedBytes: 3 * gib }, 6 * gib],
    [
      'more than the config says after an overflow',
      { wanted: { size: { bytes: 100 * mib } }, overflowedBytes: 100 * mib },
      200 * mib,
    ],
    ['all the room that is left, for `auto`', { freeBytes: gib + 1 }, gib],
    [
      'all the room that is left after an overflow, if it is more',
      { freeBytes: gib, overflowedBytes: 600 * mib },
      gib,
    ],
  ])('is %s', (_, some, expected) => expect(size(some)).toBe(expected))

  test.each<[string, Partial<SizeFacts>]>([
    ['less than the config asks for', { wanted: { size: { bytes: gib } }, freeBytes: gib - 1 }],
    ['no more than what has overflowed', { freeBytes: gib, overflowedBytes: gib }],
    ['no whole extent', { freeBytes: extentBytes - 1 }],
  ])('is refused with %s, and says what to do', (_, some) => {
    expect(() => size(some)).toThrow(TerminalError)
    expect(() => size(some)).toThrow(/too little room for a snapshot: .* wanted, .* free in the volume group/)
  })
})
