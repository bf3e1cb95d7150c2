import { expect, test } from 'vitest'
import { attack } from './attacks.ts'
import { noSsh } from './loopback.ts'

const why = noSsh ?? (process.getuid?.() === 0 ? undefined : 'devices are made by root alone')

test.skipIf(why)(
  'two hundred attacks with a stolen key change nothing, and read nothing of others',
  async () => {
    const { ssh, inProcess } = await attack(200, 20, 20)
    expect(ssh).toBeGreaterThan(5)
    expect(inProcess).toBeGreaterThan(150)
  },
  300_000,
)
