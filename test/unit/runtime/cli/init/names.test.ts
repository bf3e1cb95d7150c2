import { expect, test } from 'vitest'
import { nameFor } from '../../../../../runtime/cli/init/names.ts'

test.each([
  ['/', [], 'root'],
  ['/var', [], 'var'],
  ['/srv/mail/data', [], 'data'],
  ['/srv/mail/data', ['data'], 'srv-mail-data'],
  ['/srv/Sunday', [], 'srv-Sunday'],
  ['/2024', [], 'at-2024'],
  ['/media/ann/My Passport', [], 'My-Passport'],
  ['/data', ['data', 'at-data'], 'at-data-2'],
])('nameFor(%s) with %j taken is %s', (path, taken, name) => {
  expect(nameFor(path, new Set(taken))).toBe(name)
})
