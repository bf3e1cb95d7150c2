import { describe } from 'vitest'
import { commands } from './commands.ts'
import { cutByPower } from './cut-off.ts'
import { partsElsewhere, wholeElsewhere } from './elsewhere.ts'
import { inPlace, limits } from './in-place.ts'
import { describeThreeNights } from './three-nights.ts'

// Each file system and each medium once elsewhere and, in other pairs, once in place; all pairs are nightly.
describeThreeNights('what three nights of reiserfs, ext3 and xfs have kept', (night, was) => {
  describe('is told', () => commands(night))
  describe('comes back elsewhere', () => {
    wholeElsewhere(night, was, [
      ['var', 'weekday archive'],
      ['home', 'kept archive'],
      ['data', 'mirror'],
    ])
    partsElsewhere(night, was, ['mirror'])
  })
  describe('comes back in its place', () => {
    inPlace(night, was, [['home', 'weekday archive']])
    limits(night)
  })
  describe('comes back after a restore was cut off', () => cutByPower(night, was))
})
