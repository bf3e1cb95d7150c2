import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceFailed } from 'hdsync'
import { rehearse } from 'hdsync/testing'
import retry from './retry-source.ts'

const failed = { source: 'home', step: 'sync.run', reason: 'rsync ended 12' }

test('a source that has failed is backed up again in ten minutes', async () => {
  const { started, outcome } = await rehearse(retry, sourceFailed, failed)
  assert.equal(outcome, 'done')
  assert.deepEqual(started, [
    { type: 'backup.start', data: { sources: ['home'] }, delayMs: 600_000, key: 'home' },
  ])
})

test('one that was cancelled is not', async () => {
  const { started } = await rehearse(retry, sourceFailed, { ...failed, cancelled: true })
  assert.deepEqual(started, [])
})
