import { watch } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openDatabase } from '../../runtime/core/bus/sqlite/database.ts'
import { Child } from '../unit/child.ts'
import { temporaryFolder } from '../unit/temporary-folder.ts'
import { faultsOf, unfinished } from './kill-audit.ts'

/** When a process is killed: so many writes to its files are in the middle of a commit, so many lines after one. */
const moment = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ after: fc.constant('writes'), count: fc.integer({ min: 1, max: 250 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ after: fc.constant('lines'), count: fc.integer({ min: 1, max: 80 }) }),
  },
)

test.each([1, 2, 3, 4])(
  'a store keeps its word though its process is killed five times (seed %i)',
  async (seed) => {
    const directory = temporaryFolder()
    // The first is killed while it makes the store.
    const moments = [{ after: 'writes', count: seed * 2 }, ...fc.sample(moment, { seed, numRuns: 4 })]
    const lines: string[] = []
    for (const [life, { after, count }] of moments.entries()) {
      const child = new Child(program, directory, String(life), 'work')
      await (after === 'writes' ? writes(directory, count) : child.printed(count))
      await child.kill()
      lines.push(...child.lines)
      expect(look(directory, (database) => faultsOf(database, lines))).toEqual([])
    }
    const last = new Child(program, directory, String(moments.length), 'finish')
    expect(await last.ended()).toBe(0)
    lines.push(...last.lines)
    expect(look(directory, (database) => faultsOf(database, lines))).toEqual([])
    expect(look(directory, unfinished)).toEqual([])
  },
)

const program = new URL('kill-child.ts', import.meta.url)

/** Waits until so many things have happened to the files in a folder. */
async function writes(directory: string, count: number): Promise<void> {
  await new Promise<void>((resolve) => {
    let left = count
    const watcher = watch(directory, () => {
      left -= 1
      if (left > 0) return
      watcher.close()
      resolve()
    })
  })
}

/** Opens the store as the next process would. */
function look<T>(directory: string, at: (database: DatabaseSync) => T): T {
  const database = openDatabase(directory)
  try {
    return at(database)
  } finally {
    database.close()
  }
}
