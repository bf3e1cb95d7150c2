import { describe, expect, test } from 'vitest'
import { deadLettered, notifyWebhook, sourceFailed } from '../../../../../events/index.ts'
import { deadLetters } from '../../../../../runtime/backup/engine/dead-letter.ts'
import type { Delivery } from '../../../../../runtime/core/bus/bus.ts'
import { createRegistry } from '../../../../../runtime/core/registry/registry.ts'
import { event } from '../../../../contract/publication.ts'
import { ManualClock } from '../../../manual-clock.ts'

const options = { registry: createRegistry([], new Map()), clock: new ManualClock() }

function told(name: string, of: ReturnType<typeof event>) {
  const fields = { id: 1, tries: 2, generation: 0, token: 't', lane: 'chain' } as const
  const delivery: Delivery = { ...fields, function: name, event: of }
  return deadLetters(delivery, 'it is broken', options).map(({ event: fact }) => fact)
}

describe('deadLetters()', () => {
  test('names what was not handled, why, and what it is about', () => {
    const cause = event('e1', { type: 'sync.run', subject: 'var', runid: 'run1' })
    expect(told('sync.run', cause)).toMatchObject([
      {
        type: deadLettered.type,
        subject: 'var',
        runid: 'run1',
        parentid: 'e1',
        data: {
          function: 'sync.run',
          event: 'e1',
          type: 'sync.run',
          source: 'var',
          tries: 2,
          reason: 'it is broken',
        },
      },
    ])
  })

  test('names the hook that was not told', () => {
    const failed = event('f1', { type: sourceFailed.type, subject: 'var' })
    const cause = event('e1', { type: notifyWebhook.type, data: { hook: 'pager', event: failed } })
    expect(told('notify.webhook', cause)).toMatchObject([
      { subject: 'var', data: { hook: 'pager', source: 'var' } },
    ])
  })

  test('tells nothing of what was itself about a dead letter', () => {
    const letter = event('l1', { type: deadLettered.type })
    expect(told('notify.route', letter)).toEqual([])
    const cause = event('e1', { type: notifyWebhook.type, data: { hook: 'pager', event: letter } })
    expect(told('notify.webhook', cause)).toEqual([])
  })

  test('has the same id whenever it is told of the same delivery', () => {
    const cause = event('e1', { type: 'sync.run' })
    expect(told('sync.run', cause)[0]?.id).toBe(told('sync.run', cause)[0]?.id)
  })
})
