import { test } from 'vitest'
import { killsAtAnyMoment } from './kills.ts'
import { killsOfPulls } from './pull-kills.ts'
import { whyNoSshd } from './sshd.ts'

test.skipIf(whyNoSshd !== undefined)('kills of sender, receiver and sshd tear nothing', () =>
  killsAtAnyMoment(4, 20_261_129),
)

test.skipIf(whyNoSshd !== undefined)('kills of a vault that fetches, and of sshd, tear nothing', () =>
  killsOfPulls(4, 20_261_130),
)
