import { describe } from 'vitest'
import { commands } from './commands.ts'
import { cutByKill } from './cut-off.ts'
import { partsElsewhere, wholeElsewhere } from './elsewhere.ts'
import { inPlace, limits } from './in-place.ts'
import { media, sources } from './server.ts'
import { describeThreeNights } from './three-nights.ts'

describeThreeNights('each of reiserfs, ext3 and xfs, from each medium,', (night, was) => {
  describe('is told', () => commands(night))
  describe('comes back elsewhere', () => {
    wholeElsewhere(
      night,
      was,
      sources.flatMap((source) => media.map((medium) => [source, medium] as const)),
    )
    partsElsewhere(night, was, media)
  })
  describe('comes back in its place', () => {
    inPlace(night, was, [
      ['var', 'mirror'],
      ['home', 'weekday archive'],
      ['data', 'kept archive'],
    ])
    limits(night)
  })
  describe('comes back after a restore was cut off', () => cutByKill(night, was))
})
