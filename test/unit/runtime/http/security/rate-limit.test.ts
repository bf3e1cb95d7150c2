import { describe, expect, test } from 'vitest'
import { clientAt, RateLimit } from '../../../../../runtime/http/security/rate-limit.ts'
import { ManualClock } from '../../../manual-clock.ts'

describe('RateLimit', () => {
  test('lets as many through as fit into the bucket, and then as many as time brings', async () => {
    const clock = new ManualClock()
    const limit = new RateLimit({ perSecond: 2, burst: 3 }, clock)
    for (let n = 0; n < 3; n += 1) limit.take('a')
    expect(() => limit.take('a')).toThrow('try again in 1 s')
    await clock.advance(500)
    limit.take('a')
    expect(() => limit.take('a')).toThrow()
    await clock.advance(3_600_000)
    for (let n = 0; n < 3; n += 1) limit.take('a')
    expect(() => limit.take('a')).toThrow()
  })

  test('lets one who took more than there was wait for all of it', async () => {
    const clock = new ManualClock()
    const limit = new RateLimit({ perSecond: 1, burst: 1 }, clock)
    limit.charge('a', 5)
    expect(() => limit.take('a')).toThrow('try again in 5 s')
    await clock.advance(5000)
    expect(() => limit.take('a')).not.toThrow()
  })

  test('counts each client by itself, and forgets those it has not heard of for longest', () => {
    const limit = new RateLimit({ perSecond: 1, burst: 1 }, new ManualClock())
    limit.take('a')
    expect(() => limit.take('a')).toThrow()
    for (let n = 0; n < 10_000; n += 1) limit.take(`b${n}`)
    expect(() => limit.take('a')).not.toThrow()
  })

  test('is not confused by a clock that is set back', async () => {
    const clock = new ManualClock()
    const limit = new RateLimit({ perSecond: 1, burst: 2 }, clock)
    limit.take('a')
    clock.now = () => 0
    expect(() => limit.take('a')).not.toThrow()
    expect(() => limit.take('a')).toThrow()
  })
})

describe('clientAt()', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    [undefined, ''],
  ])('%s is of %s', (address, client) => {
    expect(clientAt(address)).toBe(client)
  })
})
