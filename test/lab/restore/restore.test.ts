import { describe } from 'vitest'
import { cutByPower } from './cut-off.ts'
import { wholeElsewhere } from './elsewhere.ts'
import { inPlace } from './in-place.ts'
import { describeThreeNights } from './three-nights.ts'

// Each file system and each medium once; all pairs, and all commands, are nightly.
describeThreeNights(
  'what three nights of reiserfs, ext3 and xfs have kept',
  (night, was) => {
    describe('comes back elsewhere', () => wholeElsewhere(night, was, [['var', 'weekday archive']]))
    describe('comes back in its place', () => inPlace(night, was, [['home', 'kept archive']]))
    // From the mirror.
    describe('comes back after a restore was cut off', () => cutByPower(night, was))
  },
  // An archive is kept when the next one of its weekday is written.
  { 'kept archive': ['home'], 'weekday archive': ['var'], mirror: ['home', 'data'] },
)
