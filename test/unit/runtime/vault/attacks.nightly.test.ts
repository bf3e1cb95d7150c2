import { describe, expect, test } from 'vitest'
import { attack } from './attacks.ts'
import { noSsh } from './loopback.ts'

const why = noSsh ?? (process.getuid?.() === 0 ? undefined : 'devices are made by root alone')

describe.skipIf(why)(
  'ten thousand attacks with a stolen key change nothing, and read nothing of others',
  () => {
    test.each([1, 2, 3, 4, 5])(
      'two thousand of seed %i',
      async (seed) => {
        const { ssh, inProcess } = await attack(2000, seed, 40)
        expect(ssh).toBeGreaterThan(40)
        expect(inProcess).toBeGreaterThan(1800)
      },
      3_600_000,
    )
  },
)
