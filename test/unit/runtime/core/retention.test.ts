import { describe, expect, test } from 'vitest'
import { Retention } from '../../../../runtime/core/retention.ts'
import { ManualClock } from '../../manual-clock.ts'

const day = 86_400_000

/** One that keeps what is ten days old, and what it has done and said. */
function retention({ full = false, steps = 1, witnessed = 0 as number | null } = {}) {
  const clock = new ManualClock()
  const pruned: number[] = []
  const warnings: string[] = []
  const prune = (before: number) => {
    pruned.push(clock.now() - before)
    if (full) throw new Error('database or disk is full')
    return { events: 1, more: pruned.length % steps !== 0 }
  }
  const horizon = (keepMs: number) => (witnessed === null ? undefined : clock.now() - witnessed - keepMs)
  const onWarning = (message: string) => warnings.push(message)
  const subject = new Retention({ journal: { prune, horizon }, keepMs: 10 * day, clock, onWarning })
  return { subject, clock, pruned, warnings }
}

describe('what is older than it is to be kept is removed', () => {
  test('not while a start is waited for, but soon after, then daily', async () => {
    const { subject, clock, pruned } = retention()
    subject.start()
    expect(pruned).toEqual([])
    await clock.advance(60_000)
    expect(pruned).toEqual([10 * day])
    await clock.advance(3 * day)
    expect(pruned).toHaveLength(4)
    subject.stop()
    await clock.advance(3 * day)
    expect(pruned).toHaveLength(4)
  })

  test('as much of it as is due, in steps between which others have their turn', async () => {
    const { subject, clock, pruned } = retention({ steps: 30 })
    subject.start()
    await clock.advance(3000)
    expect(pruned).toHaveLength(1)
    await clock.advance(1000)
    expect(pruned).toHaveLength(30)
    await clock.advance(day + 1000)
    expect(pruned).toHaveLength(60)
    subject.stop()
  })

  test('by the time that two runs agree on, when the clock is ahead of it', async () => {
    const { subject, clock, pruned } = retention({ witnessed: 365 * day })
    subject.start()
    await clock.advance(60_000)
    expect(pruned).toEqual([375 * day])
    subject.stop()
  })

  test('not before two runs agree on the time', async () => {
    const { subject, clock, pruned } = retention({ witnessed: null })
    subject.start()
    await clock.advance(60_000)
    expect(pruned).toEqual([])
    subject.stop()
  })

  test('on the way out of a short process, not of one that has not begun', async () => {
    const { subject, pruned } = retention()
    subject.stop()
    expect(pruned).toEqual([])
    subject.start()
    subject.stop()
    expect(pruned).toHaveLength(1)
  })

  test('again the next day, when it fails; and it says so', async () => {
    const { subject, clock, pruned, warnings } = retention({ full: true })
    subject.start()
    await clock.advance(day + 60_000)
    expect(pruned).toHaveLength(2)
    expect(warnings[0]).toBe(
      'what is older than `keep:` could not be removed from the journal: database or disk is full',
    )
  })
})
