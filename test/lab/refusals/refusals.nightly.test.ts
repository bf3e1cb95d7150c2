import { describe } from 'vitest'
import { describeNight } from '../night.ts'
import { doors } from './doors.nightly.ts'
import { failuresOtherwise, strangersOtherwise } from './failures.nightly.ts'
import { deletions, deletionsOtherwise, elsewhereOtherwise, foreignersOtherwise } from './limits.nightly.ts'
import { linkedTargets } from './proofs.nightly.ts'
import { server } from './server.ts'
import { swaps } from './swaps.nightly.ts'

describeNight('hdsync refuses', server, (night) => {
  describe('a target that is not proven', () => linkedTargets(night))
  describe('to delete too much', () => {
    deletions(night)
    deletionsOtherwise(night)
  })
  describe('to copy from another place than before', () => elsewhereOtherwise(night))
  describe('to take what is not its own', () => foreignersOtherwise(night))
  describe('to be led out of', () => swaps(night))
  describe('to trust what others than root could change', () => doors(night))
  describe('to call good what is not', () => failuresOtherwise(night))
  describe('to be two, or led by what somebody else wrote', () => strangersOtherwise(night))
})
