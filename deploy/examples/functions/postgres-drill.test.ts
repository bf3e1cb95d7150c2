import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drillRestored } from 'hdsync'
import { rehearse } from 'hdsync/testing'
import postgresDrill from './postgres-drill.ts'

const restored = {
  ...{ source: 'var', folder: '/scratch/var', point: 'var@latest', at: '2026-11-29T01:00:00Z' },
  ...{ whole: true, files: 9, sizeBytes: 9 },
}
const answering = (said: string) => (command: readonly string[]) =>
  command.includes('cat') ? '15\n' : command.some((word) => word.endsWith('/psql')) ? said : ''

test('the server is started on the restored folder, asked, and stopped', async () => {
  const { outcome, steps, log } = await rehearse(postgresDrill, drillRestored, restored, {
    answer: answering('17\n'),
  })
  assert.equal(outcome, 'done')
  const programs = steps.map(({ argvs }) => argvs[0]?.[4]?.split('/').at(-1))
  assert.deepEqual(programs, ['cat', 'tee', 'tee', 'tee', 'rm', 'pg_ctl', 'psql', 'pg_ctl'])
  assert.equal(steps.at(-1)?.argvs[0]?.at(-1), 'stop')
  assert.deepEqual(log, [{ level: 'info', message: 'shop answers 17' }])
})

test('an answer of nothing fails the drill, and the server is stopped all the same', async () => {
  const { outcome, error, steps } = await rehearse(postgresDrill, drillRestored, restored, {
    answer: answering('\n'),
  })
  assert.equal(outcome, 'dead')
  assert.match(error ?? '', /shop answers nothing/)
  assert.equal(steps.at(-1)?.argvs[0]?.at(-1), 'stop')
})

test('samples and other sources are left alone', async () => {
  for (const other of [{ whole: false }, { source: 'home' }]) {
    const { steps } = await rehearse(postgresDrill, drillRestored, { ...restored, ...other })
    assert.deepEqual(steps, [])
  }
})
