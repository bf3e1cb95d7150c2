import { expect, test } from 'vitest'
import { exitCodeFor } from '../../../../../runtime/cli/commands/fleet-status.ts'

const dayMs = 86_400_000

test.each([
  ['good', 31 * dayMs, 0],
  ['good', 29 * dayMs, 3],
  ['good', -1, 1],
  ['held', 29 * dayMs, 5],
  ['failing', 400 * dayMs, 1],
] as const)(
  'exitCodeFor(): a host that is %s, and a certificate that is good for %i ms',
  (state, lastsMs, code) => {
    expect(exitCodeFor([{ state }], lastsMs)).toBe(code)
  },
)
