import { beforeAll, describe, expect } from 'vitest'
import { describeNight } from '../night.ts'
import { cancelled } from './cancelled.ts'
import { cut } from './cut.ts'
import { office } from './office.ts'

// On one machine, as to make one ready takes longer than a test.
describeNight('a night in an office', office, (night) => {
  beforeAll(async () => expect((await night.run()).code).toBe(0))
  describe('that is cancelled', () => cancelled(night))
  describe('that is cut off', () => cut(night))
})
