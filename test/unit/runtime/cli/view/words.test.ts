import { expect, test } from 'vitest'
import { count, counted } from '../../../../../runtime/cli/view/words.ts'

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [1_204_567, '1,204,567'],
])('%i is printed as %s', (value, text) => {
  expect(count(value)).toBe(text)
})

test('one is not several', () => {
  expect([counted(1, 'file'), counted(1204, 'file')]).toEqual(['1 file', '1,204 files'])
})
