import { readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ArchivePlan } from '../../../../runtime/host/archive/archive-place.ts'
import { Child } from '../../child.ts'
import { lastWeek, open, prepare, sha256sum, sharesBlocks, stateOf, write } from './archive-plans.ts'

// Each name is that of the first system call at which it is killed; rename is the last thing that counts.
describe('a crash', () => {
  test.each(['dd', 'open', 'stat', 'rename'])('of write() at %s leaves last week’s archive', async (at) => {
    const plan = prepare()
    const path = lastWeek(plan)
    expect(await crash('write', at, plan)).toBe(null)
    expect(readFileSync(path, 'utf8')).toBe('last week')
    await open(plan).tidy(plan.to)
    expect(readdirSync(dirname(path))).toEqual(['var.tar.zst'])
  })

  test.each(['copyFile', 'link', 'dd', 'rename'])(
    'of reuse() at %s leaves last week’s archive, and the one that is linked',
    async (at) => {
      const plan = prepare()
      const path = lastWeek(plan)
      const archived = await write({ ...plan, weekday: 'Wednesday' })
      const earlier = [{ ...archived, unchangedSince: '2026-01-07T01:00:00.000Z' }]
      // Where blocks are shared, no second name is made.
      if (at === 'link' && sharesBlocks(dirname(path))) return
      expect(await crash('reuse', at, plan, earlier)).toBe(null)
      expect(readFileSync(path, 'utf8')).toBe('last week')
      expect(sha256sum(archived.path)).toBe(archived.sha256)
      await open(plan).tidy(plan.to)
      expect(readdirSync(dirname(path))).toEqual(['var.tar.zst'])
      expect(sha256sum(archived.path)).toBe(archived.sha256)
      expect(await write(plan)).toMatchObject({ path })
    },
  )

  /** Does it in a process that is killed at this point. @returns Its exit code. */
  async function crash(what: string, at: string, plan: ArchivePlan, earlier: object[] = []) {
    const program = new URL('./archive-child.ts', import.meta.url)
    const words = [what, at, stateOf(plan), JSON.stringify(plan), JSON.stringify(earlier)]
    return new Child(program, ...words).ended()
  }
})
