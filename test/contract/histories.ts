import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EventBus } from '../../runtime/core/bus/bus.ts'
import { history } from './steps.ts'
import { World } from './world.ts'

/** Nothing loses its power here, so a folder in memory does: hundreds of histories take seconds. */
const folder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/**
 * Random histories of publishing, claiming, settling in time and too late, clocks that jump, and reopening:
 * after each step the bus is what test/contract/model.ts says.
 * @param open Opens the bus that lies in a folder, or makes it.
 */
export function describeHistories(name: string, open: (directory: string) => EventBus): void {
  describe(`${name}, in random histories`, () => {
    test('loses nothing, doubles nothing, keeps the order of keys, and counts every try', async () => {
      const seen = new Map<string, number>()
      const agrees = fc.asyncProperty(history, async (steps) => {
        const directory = mkdtempSync(join(folder, 'hdsync-test-'))
        const world = new World(() => open(directory))
        try {
          for (const step of steps) await world.take(step)
          await world.finish()
        } finally {
          world.close()
          rmSync(directory, { recursive: true })
          for (const what of world.seen) seen.set(what, (seen.get(what) ?? 0) + 1)
        }
      })
      await fc.assert(agrees, { numRuns: 200 })
      expect([...seen].filter(([, histories]) => histories >= 10).map(([what]) => what)).toEqual(
        expect.arrayContaining(corners),
      )
    })
  })
}

/** What at least a few of the histories come upon: a test that never gets there shows nothing. */
const corners = [
  ...['done', 'retry', 'dead', 'cancelled'].flatMap((outcome) => [
    `a settlement as ${outcome}`,
    `a stale settlement as ${outcome}`,
  ]),
  'a dead letter that is redriven',
  'a dead letter that is replaced',
  'a delay',
  'a duplicate',
  'a further try',
  'a refusal',
  'a renewal',
  'a renewal that comes too late',
  'an orphan',
  'one that waits for its key',
]
