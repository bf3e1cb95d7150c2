import { describe, expect, test } from 'vitest'
import { RetryableError } from '../../../../../runtime/errors.ts'
import { event } from '../../../../contract/publication.ts'
import { WebReceiver } from '../../../receivers/web.ts'
import { hookOf, runEnded, teller } from '../hook-bench.ts'

const check = (url: string) => hookOf(`healthchecks: { url: '${url}', allowPrivate: true }`)

async function pings(...events: ReturnType<typeof runEnded>[]) {
  const receiver = await WebReceiver.start()
  for (const one of events) await teller().tell(check(`${receiver.url}/ping/uuid?create=1`), one)
  return receiver.heard
}

describe('a check', () => {
  test('hears of the start', async () => {
    const started = event('s1', { type: 'run.started', runid: 'run1', data: { sources: ['var', 'home'] } })
    const [heard] = await pings(started)
    expect(heard).toMatchObject({ method: 'POST', path: '/ping/uuid/start?create=1' })
    expect(heard?.body).toContain('begins: var, home')
    expect(heard?.headers['idempotency-key']).toBe('s1')
  })

  test.each(['succeeded', 'degraded'] as const)('hears that a run %s as a success', async (state) => {
    const [heard] = await pings(runEnded(state))
    expect(heard?.path).toBe('/ping/uuid?create=1')
    expect(heard?.body).toContain('home  succeeded  12 files, 1 MiB copied, 3 deleted')
  })

  test.each(['failed', 'held', 'cancelled'] as const)('hears that a run %s as a failure', async (state) => {
    const [heard] = await pings(runEnded(state))
    expect(heard?.path).toBe('/ping/uuid/fail?create=1')
    expect(heard?.body).toContain('hdsync show run1')
  })

  test('hears of a source that is overdue as a failure', async () => {
    const data = { source: 'var', lastSuccessAt: null, firstSeenAt: '2026-01-01T00:00:00.000Z', allowedMs: 1 }
    const [heard] = await pings(event('o1', { type: 'run.overdue', subject: 'var', data }))
    expect(heard?.path).toBe('/ping/uuid/fail?create=1')
    expect(heard?.body).toContain('There has never been a good backup of var')
  })

  test('hears nothing of what says nothing about it', async () => {
    expect(await pings(event('w1', { type: 'run.warned', data: { reason: 'odd' } }))).toEqual([])
  })

  test('is not made to believe anything by a test', async () => {
    const { data, ...rest } = runEnded('failed')
    const [heard] = await pings({ ...rest, data: { ...(data as object), test: true } })
    expect(heard?.path).toBe('/ping/uuid/log?create=1')
  })

  test('gets no more than 100 kB', async () => {
    const long = event('w1', {
      type: 'run.started',
      data: { sources: Array(9000).fill('sourceé-of-a-name') },
    })
    const [heard] = await pings(long)
    const bytes = Buffer.byteLength(heard?.body ?? '')
    expect(bytes).toBeGreaterThan(99_990)
    expect(bytes).toBeLessThanOrEqual(100_000)
    expect(heard?.body).not.toContain('\uFFFD')
  })

  test('that is rate limited is pinged later, and its address is not told', async () => {
    const receiver = await WebReceiver.start()
    receiver.behaviours = [{ status: 429, headers: { 'retry-after': '60' } }]
    const error = await teller()
      .tell(check(`${receiver.url}/secret-uuid`), runEnded('failed'))
      .catch((thrown) => thrown)
    expect(error).toBeInstanceOf(RetryableError)
    expect(error).toMatchObject({ retryAfterMs: 60_000 })
    expect(error.message).not.toContain('secret-uuid')
  })
})
