import { test } from 'vitest'
import { killsAtAnyMoment } from './kills.ts'
import { killsOfPulls } from './pull-kills.ts'
import { whyNoSshd } from './sshd.ts'

test.skipIf(whyNoSshd !== undefined)(
  'twenty kills of sender, receiver and sshd tear nothing',
  () => killsAtAnyMoment(20, 42),
  1_800_000,
)

test.skipIf(whyNoSshd !== undefined)(
  'twenty kills of a vault that fetches, and of sshd, tear nothing',
  () => killsOfPulls(20, 43),
  1_800_000,
)
