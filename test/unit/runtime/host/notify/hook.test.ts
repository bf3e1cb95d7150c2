import { expect, test } from 'vitest'
import { hookCommand } from '../../../../../runtime/host/notify/hook.ts'
import { event } from '../../../../contract/publication.ts'
import { recordingRunner } from '../runner.ts'

test('hookCommand() gives a hook the event as JSON, and the essentials in variables', async () => {
  const failed = event('id1', { type: 'run.failed', runid: 'run1', data: { run: 'run1' } })
  const { runner } = recordingRunner()
  const variables = '$HDSYNC_EVENT $HDSYNC_EVENT_ID $HDSYNC_RUN [$HDSYNC_SOURCE] $HDSYNC_STATE $HDSYNC_TIME'
  const { stdout } = await runner.run(hookCommand(['sh', '-c', `cat; echo "${variables}"`], 10_000, failed))
  const [json = '', line] = stdout.split('\n')
  expect(JSON.parse(json)).toEqual(failed)
  expect(line).toBe('run.failed id1 run1 [] failed 2026-01-01T00:00:00.000Z')
})

test('hookCommand() names the source that an event is about, and no state of a run then', () => {
  const { env } = hookCommand(['/bin/true'], 1, event('id1', { type: 'source.failed', subject: 'var' }))
  expect(env).toMatchObject({ HDSYNC_SOURCE: 'var', HDSYNC_STATE: '', HDSYNC_RUN: '' })
})
