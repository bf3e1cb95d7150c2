import { expect, test } from 'vitest'
import { Capacity, SharedCapacity } from '../../../../../runtime/http/security/capacity.ts'

test('a capacity has so many places, each of which is given back once', () => {
  const capacity = new Capacity(2, 'readers')
  const leave = capacity.enter()
  capacity.enter()
  expect(() => capacity.enter()).toThrow('2 readers are enough at a time')
  leave()
  leave()
  capacity.enter()
  expect(() => capacity.enter()).toThrow('enough')
})

test('of a shared capacity nobody has more than a share, and all together no more than there is', () => {
  const capacity = new SharedCapacity(3, 2, 'readers')
  const leave = capacity.enter(1000)
  capacity.enter(1000)
  expect(() => capacity.enter(1000)).toThrow('2 of one user are enough at a time')
  capacity.enter(1001)
  expect(() => capacity.enter(1002)).toThrow('3 readers are enough at a time')
  // Who was refused has taken nothing.
  leave()
  capacity.enter(1002)
  expect(() => capacity.enter(1002)).toThrow('3 readers')
})
