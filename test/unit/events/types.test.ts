import { expect, test } from 'vitest'
import { catalogue } from '../../../events/index.ts'
import { runTypes } from '../../../events/types.ts'

test('readers of the journal know of each event that begins or ends a run', () => {
  const definitions = [...catalogue.values()].filter(({ startsRun, endsRun }) => startsRun || endsRun)
  const said = definitions.map(({ type, startsRun, endsRun }) => ({ type, startsRun, endsRun }))
  const known = [...runTypes.values()].map(({ type, startsRun, endsRun }) => ({ type, startsRun, endsRun }))
  expect(known).toEqual(expect.arrayContaining(said))
  expect(known).toHaveLength(said.length)
})
