import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HubFolder } from '../../../../../runtime/host/fleet/hub-folder.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const isRoot = process.geteuid?.() === 0

test.skipIf(!isRoot)('what the daemon writes for the NATS server stays open to its group', () => {
  const path = temporaryFolder()
  const group = 4242
  const made = new HubFolder(path, group)
  made.make()
  made.writeBroker({ listen: '127.0.0.1:1', store: join(path, 'store') })
  const groupOf = (name: string) => statSync(join(path, 'broker', name)).gid
  expect(['.', 'nats.conf', 'users.conf'].map(groupOf)).toEqual([group, group, group])
  new HubFolder(path).writeUsers()
  expect(groupOf('users.conf')).toBe(group)
  expect(statSync(join(path, 'hub/seed')).gid).not.toBe(group)
})
