import { describe, expect, test } from 'vitest'
import { OnDisk } from '../../../../../runtime/host/archive/on-disk.ts'

describe('OnDisk', () => {
  test('tells at once of more than was asked for, and waits for what is not there', async () => {
    const onDisk = new OnDisk()
    onDisk.advance(100)
    expect(await onDisk.beyond(99)).toEqual({ bytes: 100, isWhole: false })
    const more = onDisk.beyond(100)
    onDisk.advance(150)
    expect(await more).toEqual({ bytes: 150, isWhole: false })
  })

  test('does not wait for more than there will be', async () => {
    const onDisk = new OnDisk()
    const [more, all] = [onDisk.beyond(100), onDisk.whole()]
    onDisk.advance(50)
    onDisk.advance(50, true)
    expect(await more).toEqual({ bytes: 50, isWhole: true })
    expect(await all).toEqual({ bytes: 50, isWhole: true })
  })

  test('tells whoever waits, and whoever comes later, why there will be no more', async () => {
    const onDisk = new OnDisk()
    const waiting = onDisk.beyond(0)
    onDisk.fail(new Error('no space'))
    await expect(waiting).rejects.toThrow('no space')
    await expect(onDisk.whole()).rejects.toThrow('no space')
  })

  test('keeps to what is whole', async () => {
    const onDisk = new OnDisk()
    onDisk.advance(10, true)
    onDisk.fail(new Error('too late'))
    expect(await onDisk.whole()).toEqual({ bytes: 10, isWhole: true })
  })
})
