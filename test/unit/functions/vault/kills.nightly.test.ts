import { test } from 'vitest'
import { killsAtAnyMoment } from './kills.ts'
import { whyNoSshd } from './sshd.ts'

test.skipIf(whyNoSshd !== undefined)(
  'twenty kills of sender, receiver and sshd tear nothing',
  () => killsAtAnyMoment(20, 42),
  1_800_000,
)
