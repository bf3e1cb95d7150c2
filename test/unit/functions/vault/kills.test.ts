import { test } from 'vitest'
import { killsAtAnyMoment } from './kills.ts'
import { whyNoSshd } from './sshd.ts'

test.skipIf(whyNoSshd !== undefined)('kills of sender, receiver and sshd tear nothing', () =>
  killsAtAnyMoment(4, 20_261_129),
)
