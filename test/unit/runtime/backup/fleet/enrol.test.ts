import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answerJoin, changeList, enrol, revoke } from '../../../../../runtime/backup/fleet/enrol.ts'
import { type Enrolled, HubFolder } from '../../../../../runtime/host/fleet/hub-folder.ts'
import { newNkey } from '../../../../../runtime/host/fleet/nkey.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

/** Somebody else does something between what is read of a host and what is written. */
class Interrupted extends HubFolder {
  meanwhile = () => {}

  override host(name: string): Enrolled | undefined {
    const known = super.host(name)
    this.meanwhile()
    return known
  }
}

test('who is revoked while it joins stays revoked: one changes the list after the other', () => {
  const path = join(temporaryFolder(), 'fleet')
  mkdirSync(path)
  const hub = new Interrupted(path)
  hub.make()
  const now = Date.now()
  enrol('web1', hub, { servers: ['tls://h:1'], ca: '', now })
  const beside = new HubFolder(path)
  const revokeBeside = () => changeList(beside, () => revoke('web1', beside, now), 0)
  hub.meanwhile = () => expect(revokeBeside).toThrow('another process is changing the list of hosts')
  const { publicKey: key } = newNkey()
  expect(answerJoin('web1', Buffer.from(JSON.stringify({ v: 1, key })), hub, now)?.error).toBeNull()
  hub.meanwhile = () => {}
  const asked = Buffer.from(JSON.stringify({ v: 1, key }))
  expect(changeList(beside, () => answerJoin('web1', asked, hub, now))).toBeUndefined()
  expect(revokeBeside()).toBe(true)
  expect(beside.host('web1')).toMatchObject({ key: null, code: null })
})
