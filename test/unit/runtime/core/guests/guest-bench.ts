import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import { catalogue } from '../../../../../events/index.ts'
import { defineFunction } from '../../../../../runtime/backup/function.ts'
import { ownFile } from '../../../../../runtime/backup/guests/provided-modules.ts'
import type { FunctionDefinition } from '../../../../../runtime/core/function.ts'
import type { LoadOptions } from '../../../../../runtime/core/guests/guests.ts'
import { loadGuests } from '../../../../../runtime/core/guests/guests.ts'
import { register } from '../../../../../runtime/core/registry/registry.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { Bench } from '../../backup/bench.ts'
import { done, next, work } from '../../backup/events.ts'

/** What every file of these tests begins with; `work` and `done` are the events of the bench. */
export const preamble = `
import { setTimeout as sleep } from 'node:timers/promises'
import { defineEvent, defineFunction, TerminalError, z } from 'hdsync'
import { done, work } from '${new URL('../../backup/events.ts', import.meta.url).pathname}'
`

export const events = new Map([...catalogue, [work.type, work], [next.type, next], [done.type, done]])

const own = defineFunction({ on: work, emits: [done], run: ({ data }, { emit }) => emit(done, data) })

/** A bench with functions of hdsync's, one on `test.work` unless given, and functions of a user's. */
export async function benchOf(
  files: Record<string, string>,
  options: Partial<LoadOptions> = {},
  ours: Record<string, FunctionDefinition> = { own },
) {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, `${name}.ts`), preamble + text, { mode: 0o600 })
  const warnings: string[] = []
  const guests = await loadGuests(
    folder,
    Object.entries(ours).map(([name, one]) => register(name, one)),
    events,
    {
      entry: ownFile('backup/guests/main'),
      memoryBytes: 200 * 1024 * 1024,
      graceMs: 300,
      warn: (message) => void warnings.push(message),
      ...options,
    },
  )
  onTestFinished(guests.close)
  expect(guests.failures).toEqual([])
  return { bench: new Bench(ours, { guests, events }).start(), guests, warnings }
}

/** How the delivery to a function stands, and the error of each try. */
export function fate(bench: Bench, name = 'guest', runId?: string) {
  const [delivery] = bench.deliveries(name, runId)
  return { state: delivery?.state, errors: delivery?.attempts.map(({ error }) => error) ?? [] }
}

/** Moves the clock on as time goes on, for retries and timeouts, until the delivery has ended. */
export async function ended(bench: Bench, name = 'guest', runId?: string) {
  await vi.waitFor(
    async () => {
      await bench.clock.advance(100)
      expect(fate(bench, name, runId).state).toMatch(/done|dead|cancelled/)
    },
    { timeout: 60_000, interval: 50 },
  )
  return fate(bench, name, runId)
}

/** A function of a user's on `test.work` that is attempted once. */
export const guest = (run: string, spec = '') =>
  `export default defineFunction({ on: work, emits: [done], retry: { limit: 1 }, timeout: '5s', ${spec} ${run} })`
