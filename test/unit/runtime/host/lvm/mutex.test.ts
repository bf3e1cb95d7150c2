import { describe, expect, test } from 'vitest'
import { withLock } from '../../../../../runtime/host/lvm/mutex.ts'
import { turns } from '../../../manual-clock.ts'

describe('withLock()', () => {
  test('lets calls of one name pass one at a time, in their order', async () => {
    const order: string[] = []
    const call = (name: string) =>
      withLock('vg01', async () => {
        order.push(`${name} begins`)
        await turns(1)
        order.push(`${name} ends`)
        return name
      })
    expect(await Promise.all([call('a'), call('b'), call('c')])).toEqual(['a', 'b', 'c'])
    expect(order).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]))
  })

  test('does not hold other names', async () => {
    const gate = Promise.withResolvers<void>()
    const held = withLock('vg01', () => gate.promise)
    expect(await withLock('vg02', async () => 'passed')).toBe('passed')
    gate.resolve()
    await held
  })

  test('passes on a failure to its own caller alone', async () => {
    const failing = withLock('vg01', () => Promise.reject(new Error('busy')))
    const after = withLock('vg01', async () => 'passed')
    await expect(failing).rejects.toThrow('busy')
    expect(await after).toBe('passed')
    expect(await withLock('vg01', async () => 'later')).toBe('later')
  })
})
