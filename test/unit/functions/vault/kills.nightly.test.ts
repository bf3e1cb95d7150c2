import { expect, test } from 'vitest'
import { isInstalled } from '../../../../runtime/host/command/packages.ts'
import { killsAtAnyMoment } from './kills.ts'
import { killsOfPulls } from './pull-kills.ts'
import { whyNoSshd } from './sshd.ts'

test.skipIf(whyNoSshd !== undefined).each([
  ['as they are', false],
  ['encrypted', true],
])(
  'twenty kills of sender, receiver and sshd tear nothing: copies %s',
  async (_, isEncrypted) => {
    expect(!isEncrypted || isInstalled('age'), 'apt-get install age').toBe(true)
    await killsAtAnyMoment(20, 42, isEncrypted)
  },
  1_800_000,
)

test.skipIf(whyNoSshd !== undefined)(
  'twenty kills of a vault that fetches, and of sshd, tear nothing',
  () => killsOfPulls(20, 43),
  1_800_000,
)
