import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  sharedSocket,
  sharingOptions,
} from '../../../../../../runtime/host/copies/vault/shared-connection.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

test('each place has a socket of its own in each run, in a folder that nobody else looks into', () => {
  const folder = join(temporaryFolder(), 'ssh')
  const sockets = [
    sharedSocket(folder, 'one', 'offsite'),
    sharedSocket(folder, 'one', 'another place'),
    sharedSocket(folder, 'two', 'offsite'),
  ]
  expect(new Set(sockets).size).toBe(3)
  expect(sharedSocket(folder, 'one', 'offsite')).toBe(sockets[0])
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  expect(sharingOptions(sockets[0])).toMatchObject({ ControlMaster: 'auto', ControlPath: sockets[0] })
})

test.each([
  ['a path that rsync would split', 'a state'],
  ['one in which ssh would read a token', 'a%h'],
  ['one that is too long for a socket', 'x'.repeat(100)],
])('%s has no shared connection', (_, name) => {
  const socket = sharedSocket(join(temporaryFolder(), name), 'one', 'offsite')
  expect(socket).toBeUndefined()
  expect(sharingOptions(socket)).toEqual({ ControlPath: 'none' })
})
