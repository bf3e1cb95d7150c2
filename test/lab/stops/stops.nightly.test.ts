import { beforeAll, describe, expect } from 'vitest'
import { describeNight } from '../night.ts'
import { cancelledOtherwise } from './cancelled.nightly.ts'
import { cutOtherwise } from './cut.nightly.ts'
import { killedOtherwise } from './killed.nightly.ts'
import { office } from './office.ts'

describeNight('a night in an office', office, (night) => {
  beforeAll(async () => expect((await night.run()).code).toBe(0))
  describe('that is cancelled', () => cancelledOtherwise(night))
  describe('that is killed', () => killedOtherwise(night))
  describe('that is cut off', () => cutOtherwise(night))
})
