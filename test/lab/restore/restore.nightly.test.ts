import { describe } from 'vitest'
import { cutByKill } from './cut-off.ts'
import { partsElsewhere, wholeElsewhere } from './elsewhere.ts'
import { inPlace } from './in-place.ts'
import { media, sources } from './server.ts'
import { describeThreeNights } from './three-nights.ts'

describeThreeNights('each of reiserfs, ext3 and xfs, from each medium,', (night, was) => {
  describe('comes back elsewhere', () => {
    wholeElsewhere(
      night,
      was,
      sources.flatMap((source) => media.map((medium) => [source, medium] as const)),
    )
    partsElsewhere(night, was, media)
  })
  describe('comes back in its place', () =>
    inPlace(night, was, [
      ['var', 'mirror'],
      ['data', 'kept archive'],
    ]))
  describe('comes back after a restore was cut off', () => cutByKill(night, was))
})
