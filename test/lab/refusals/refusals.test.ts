import { describe } from 'vitest'
import { describeNight } from '../night.ts'
import { failures } from './failures.ts'
import { foreigners } from './limits.ts'
import { unprovenSources, unprovenTargets } from './proofs.ts'
import { server } from './server.ts'

describeNight('hdsync refuses', server, (night) => {
  describe('a target that is not proven', () => unprovenTargets(night))
  describe('a source that is not proven', () => unprovenSources(night))
  describe('to take what is not its own', () => foreigners(night))
  describe('to call good what is not', () => failures(night))
})
