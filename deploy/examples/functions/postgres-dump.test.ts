import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceBefore } from 'hdsync'
import { rehearse } from 'hdsync/testing'
import postgresDump from './postgres-dump.ts'

const config = `
sources: { dumps: { path: /srv/dumps, target: disk }, home: { path: /home, target: disk } }
targets: { disk: { path: /mnt/disk } }
`
const sized = (bytes: number) => (command: readonly string[]) =>
  command.includes('stat') ? `${bytes}\n` : ''

test('the database is dumped beside the last dump, which is replaced at the end', async () => {
  const { outcome, steps, log } = await rehearse(
    postgresDump,
    sourceBefore,
    { source: 'dumps' },
    { config, answer: sized(4096) },
  )
  assert.equal(outcome, 'done')
  assert.deepEqual(
    steps.map(({ argvs }) => argvs[0]?.slice(4).join(' ')),
    [
      'pg_dump --format=custom --file=/srv/dumps/shop.dump.new shop',
      'stat --format=%s /srv/dumps/shop.dump.new',
      'mv --no-target-directory /srv/dumps/shop.dump.new /srv/dumps/shop.dump',
    ],
  )
  assert.deepEqual(log, [{ level: 'info', message: 'dumped shop: 4096 bytes' }])
})

test('one that is suspiciously small replaces nothing', async () => {
  const options = { config, answer: sized(12) }
  const { outcome, error, steps } = await rehearse(postgresDump, sourceBefore, { source: 'dumps' }, options)
  assert.equal(outcome, 'dead')
  assert.match(error ?? '', /12 bytes only; the one before is kept/)
  assert.equal(steps.length, 2)
})

test('other sources are left alone', async () => {
  const { steps } = await rehearse(postgresDump, sourceBefore, { source: 'home' }, { config })
  assert.deepEqual(steps, [])
})
