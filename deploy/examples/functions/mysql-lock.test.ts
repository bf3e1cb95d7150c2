import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snapshotBefore } from 'hdsync'
import { rehearse } from 'hdsync/testing'
import mysqlLock from './mysql-lock.ts'

test('the database is locked before the snapshot and unlocked after it', async () => {
  const { outcome, story } = await rehearse(mysqlLock, snapshotBefore, { source: 'var' })
  assert.equal(outcome, 'done')
  assert.deepEqual(story.slice(0, 4), [
    '$ mariadb --batch --skip-column-names --unbuffered',
    "> FLUSH TABLES WITH READ LOCK; SELECT 'locked';",
    '(the snapshot is taken)',
    "> UNLOCK TABLES; SELECT 'unlocked';",
  ])
})

test('a lock that cannot be had fails the function', async () => {
  const refused = () => {
    throw new Error('access denied')
  }
  const { outcome, error } = await rehearse(mysqlLock, snapshotBefore, { source: 'var' }, { answer: refused })
  assert.equal(outcome, 'retry')
  assert.match(error ?? '', /access denied/)
})

test('sources without the database are left alone', async () => {
  assert.deepEqual((await rehearse(mysqlLock, snapshotBefore, { source: 'home' })).story, [])
})
