import { expect, test } from 'vitest'
import { catalogue, runFailed, snapshotBefore } from '../../../../events/index.ts'
import { sampleData } from '../../../../runtime/backup/sample.ts'

test.each([...catalogue.values()].map((event) => [event.type, event] as const))(
  'the sample of %s fits its schema',
  (_, event) => {
    expect(event.schema.safeParse(sampleData(event)).error).toBeUndefined()
  },
)

test('a sample says what its event says', () => {
  expect(sampleData(snapshotBefore)).toEqual({ source: 'var' })
  expect(sampleData(runFailed)).toMatchObject({ state: 'failed' })
})
