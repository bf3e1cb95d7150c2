import { describe, expect, test } from 'vitest'
import { bootId, boots, inOrder } from '../../../../runtime/host/boots.ts'

test('bootId() is the same until the machine starts again', () => {
  expect(bootId()).toMatch(/^[0-9a-f-]{36}$/)
  expect(boots.current).toBe(bootId())
})

describe('inOrder()', () => {
  test.each<[string, string[], string, boolean]>([
    ['of one uptime needs no note', [], 'c', true],
    ['sees an orderly shutdown', ['up b', 'down b', 'up c'], 'b', true],
    ['sees several of them', ['up a', 'down a', 'up b', 'down b', 'up c'], 'a', true],
    ['sees that the power failed', ['up b', 'up c'], 'b', false],
    ['sees that it failed at some time in between', ['up a', 'up b', 'down b', 'up c'], 'a', false],
    ['believes nothing before that', ['up z', 'down z', 'up a', 'up b', 'down b', 'up c'], 'z', false],
    ['does not mind what came before', ['up a', 'up b', 'down b', 'up c'], 'b', true],
    ['takes a boot that was not noted for a failure', ['up b', 'down b'], 'b', false],
    ['takes a boot in between that was not noted for one', ['up a', 'down a', 'down b', 'up c'], 'a', false],
    ['takes a torn line for one', ['up b', 'down', 'up c'], 'b', false],
    ['takes a boot that it knows nothing of for one', ['up b', 'down b', 'up c'], 'x', false],
    [
      'is not confused by a note taken twice',
      ['up b', 'up b', 'down b', 'down b', 'up b', 'down b', 'up c'],
      'b',
      true,
    ],
    ['has nothing to go by without notes', [], 'b', false],
  ])('%s', (_, notes, from, expected) => expect(inOrder(notes, from, 'c')).toBe(expected))
})
