import { expect, test } from 'vitest'
import { isDegraded, warningRemedies } from '../../../../../runtime/backup/story/warnings.ts'

const warning = (step: string) => ({ step, reason: 'odd' })

test.each([
  ['an open target', 'target.open', /\$ hdsync check$/],
  [
    'a gate that was not ready',
    'snapshot.before',
    /\$ hdsync show run1.*sources\.var\.snapshot\.gate\.timeout/,
  ],
  ['entries that could not be copied', 'source.synced', /sources\.var\.exclude.*\$ hdsync run var$/],
  ['uncovered mounts', 'sync.run', /source of its own.*\$ hdsync check.*\$ hdsync run var$/],
  ['something odd of the run', 'run.warned', /\$ hdsync show run1$/],
])('of %s tells what to do', (_, step, advice) => {
  expect(warningRemedies([warning(step)], 'var', 'run1').join(' ')).toMatch(advice)
})

test('what to do about two of a kind is told once', () => {
  const [one, two] = [warning('target.open'), warning('run.warned')]
  expect(warningRemedies([one, two, one], 'var', 'run1')).toEqual([
    ...warningRemedies([one], 'var', 'run1'),
    ...warningRemedies([two], 'var', 'run1'),
  ])
})

test('what is odd about the run alone does not make a source degraded', () => {
  expect(isDegraded([])).toBe(false)
  expect(isDegraded([warning('run.warned')])).toBe(false)
  expect(isDegraded([warning('run.warned'), warning('sync.run')])).toBe(true)
})
