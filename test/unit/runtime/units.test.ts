import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatBytes,
  formatDuration,
  parseBytes,
  parseDuration,
  parseDurationRange,
  parsePercent,
} from '../../../runtime/units.ts'

describe('parseBytes()', () => {
  test.each([
    ['100M', 104_857_600],
    ['1.5G', 1_610_612_736],
    ['512K', 524_288],
    ['512 KiB', 524_288],
    ['1t', 1_099_511_627_776],
    ['4096', 4096],
    ['10B', 10],
  ])('reads %s as %i', (text, bytes) => expect(parseBytes(text)).toBe(bytes))

  test.each(['', 'M', '-1M', '100MB', '100 apples', '1e3', '1,5G', '9999P', '1M 2K', '0x10'])(
    'refuses %j',
    (text) => expect(parseBytes(text)).toBeUndefined(),
  )

  test('reads what formatBytes() writes, to a twentieth', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1024 ** 5 }), (bytes) => {
        expect(Math.abs((parseBytes(formatBytes(bytes)) ?? -1) - bytes)).toBeLessThanOrEqual(bytes / 20)
      }),
    )
  })

  test('multiplies any whole number by its binary unit', () => {
    fc.assert(
      fc.property(fc.nat(7), fc.nat(4), (count, power) => {
        expect(parseBytes(`${count}${'KMGTP'[power]}`)).toBe(count * 1024 ** (power + 1))
      }),
    )
  })
})

describe('formatBytes()', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [1024 ** 2 - 1, '1 MiB'],
    [1_610_612_736, '1.5 GiB'],
    [1024 ** 6, '1024 PiB'],
  ])('writes %i as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))
})

describe('parsePercent()', () => {
  test.each([
    ['0%', 0],
    ['50%', 50],
    ['100 %', 100],
    ['101%', undefined],
    ['50', undefined],
    ['1.5%', undefined],
    ['%', undefined],
    ['-1%', undefined],
  ])('reads %j as %s', (text, percent) => expect(parsePercent(text)).toBe(percent))
})

describe('parseDuration()', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['2m', 120_000],
    ['1.5h', 5_400_000],
    ['90d', 7_776_000_000],
    ['2w', 1_209_600_000],
    ['1m 30s', 90_000],
    ['1m30s', 90_000],
    ['0s', 0],
  ])('reads %s as %i', (text, ms) => expect(parseDuration(text)).toBe(ms))

  test.each(['', '30', 's', '-1s', '1 s', '1y', '1s..2s', '1S', '1.s', `${'9'.repeat(30)}d`])(
    'refuses %j',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  )

  test('reads what formatDuration() writes, to a twentieth', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 11 }), (ms) => {
        expect(Math.abs((parseDuration(formatDuration(ms)) ?? -1) - ms)).toBeLessThanOrEqual(ms / 20)
      }),
    )
  })
})

describe('formatDuration()', () => {
  test.each([
    [0, '0ms'],
    [234, '234ms'],
    [999.6, '1s'],
    [1500, '1.5s'],
    [59_949, '59.9s'],
    [59_960, '1m'],
    [90_000, '1m 30s'],
    [3_599_600, '1h'],
    [7_500_000, '2h 5m'],
    [86_390_000, '1d'],
    [7_776_000_000, '90d'],
  ])('writes %d as %s', (ms, text) => expect(formatDuration(ms)).toBe(text))
})

describe('parseDurationRange()', () => {
  test.each([
    ['1s..30s', { minMs: 1000, maxMs: 30_000 }],
    ['5s', { minMs: 5000, maxMs: 5000 }],
    ['30s..1s', { minMs: 30_000, maxMs: 1000 }],
    ['1s..', undefined],
    ['..', undefined],
    ['1s..2s..3s', undefined],
    ['1s-2s', undefined],
  ])('reads %j', (text, range) => expect(parseDurationRange(text)).toEqual(range))
})
