import { describe, expect, test } from 'vitest'
import { followingOf, type Node, treesOf } from '../../../../../runtime/cli/story/tree.ts'
import type { StoryEvent } from '../../../../../runtime/core/bus/journal.ts'

const event = (id: string, type: string, parentid?: string): StoryEvent => ({
  event: {
    specversion: '1.0',
    id,
    source: '/test',
    type,
    time: '2026-11-22T00:57:03Z',
    datacontenttype: 'application/json',
    attempt: 1,
    ...(parentid && { parentid }),
    data: {},
  },
  deliveries: [],
})
const names = (nodes: readonly Node[]) => nodes.map((node) => node.event.id)
const only = (events: StoryEvent[]) => treesOf({ events })[0] as Node

describe('treesOf()', () => {
  test('puts children below their parents, and begins another tree for who has none', () => {
    const trees = treesOf({
      events: [
        event('a', 'backup.start'),
        event('b', 'target.open', 'a'),
        event('c', 'source.next', 'b'),
        event('x', 'backup.finish', 'gone'),
      ],
    })
    expect(names(trees)).toEqual(['a', 'x'])
    expect(trees[0]).toMatchObject({ reach: 2, children: [{ reach: 1, children: [{ reach: 0 }] }] })
  })

  test('knows facts by the catalogue, and others by nobody taking them', () => {
    const [fact, step, own] = treesOf({
      events: [event('a', 'run.failed'), event('b', 'sync.run'), event('c', 'my.own')],
    })
    expect([fact?.fact, step?.fact, own?.fact]).toEqual([true, false, true])
  })
})

describe('followingOf()', () => {
  test('goes on with the step that leads furthest', () => {
    const root = only([
      event('sync', 'sync.run'),
      event('synced', 'source.synced', 'sync'),
      event('cleanup', 'snapshot.cleanup', 'sync'),
      event('archive', 'archive.weekly', 'sync'),
      event('next', 'source.next', 'cleanup'),
    ])
    const { facts, branches, next } = followingOf(root)
    expect([names(facts), names(branches), next?.event.id]).toEqual([['synced'], ['archive'], 'cleanup'])
  })

  test('treats steps of one kind as equals', () => {
    const root = only([
      event('open', 'target.open'),
      event('one', 'source.next', 'open'),
      event('two', 'source.next', 'open'),
      event('three', 'sync.run', 'two'),
    ])
    const { branches, next } = followingOf(root)
    expect([names(branches), next]).toEqual([['one', 'two'], undefined])
  })

  test('ends with what nothing follows', () => {
    expect(followingOf({ children: [] })).toEqual({ facts: [], branches: [], next: undefined })
  })
})
