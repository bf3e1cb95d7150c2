import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LastCopy } from '../../../../../runtime/backup/mirror/last-copy.ts'
import { countOf } from '../../../../../runtime/backup/mirror/mirror-count.ts'
import { syncListed } from '../../../../../runtime/backup/mirror/sync-listed.ts'
import { createMirrors } from '../../../../../runtime/host/mirror/mirrors.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../../host/runner.ts'

const at = 1_700_000_000

/** Of these, many can stand for each other. */
const folders = [
  'a',
  'a/in',
  'a/in/it',
  'b',
  'b/in',
  'b/in/it',
  'b/c',
  'b/c/in',
  'b/c/in/it',
  'x.tmp',
  'x.tmp/in',
]
const files = folders.flatMap((folder) => ['one', 'two', 'one.tmp'].map((name) => join(folder, name)))

function write(path: string): void {
  writeFileSync(path, 'all the same')
  utimesSync(path, at, at)
}

/** What leaves as few traces as possible. */
const happenings: Record<string, (path: string, other: string) => void> = {
  'changes places': (path, other) => {
    renameSync(path, `${path}.between`)
    renameSync(other, path)
    renameSync(`${path}.between`, other)
  },
  goes: (path) => {
    rmSync(path, { recursive: true })
    utimesSync(dirname(path), at, at)
  },
  'is made': (path) => {
    mkdirSync(dirname(path), { recursive: true })
    write(path)
    utimesSync(dirname(path), at, at)
  },
  'becomes a link': (path) => {
    rmSync(path, { recursive: true })
    symlinkSync('nowhere', path)
  },
  'is written into': (path) => write(join(path, 'new')),
}

const story = fc.array(
  fc.record({
    side: fc.constantFrom('source', 'source', 'source', 'mirror'),
    what: fc.constantFrom(...Object.keys(happenings)),
    path: fc.constantFrom(...folders, ...files),
    other: fc.constantFrom(...folders),
  }),
  { minLength: 1, maxLength: 5 },
)

/** What is further down in a folder that has taken the place of another one, and was changed itself since, no time tells. */
const unseen = [
  [{ side: 'source', what: 'goes', path: 'b/in/it/two', other: '' }],
  [
    { side: 'source', what: 'changes places', path: 'a', other: 'b' },
    { side: 'source', what: 'is written into', path: 'a', other: '' },
    { side: 'source', what: 'is written into', path: 'b', other: '' },
  ],
]

const rsync = (...argv: string[]) => execFileSync('rsync', ['-naHAXXx', ...argv], { encoding: 'utf8' })

test.each([[[]], [['*.tmp', '/b/c/']]])(
  'what is listed is all that differs, and is counted as all: %j',
  async (exclude) => {
    const patterns = exclude.map((pattern) => `--exclude=${pattern}`)
    await fc.assert(
      fc.asyncProperty(fc.array(story, { minLength: 2, maxLength: 2 }), async (nights) => {
        const folder = temporaryFolder()
        const [from, to] = [join(folder, 'source'), join(folder, 'mirror')]
        const plan = { from, to, exclude, maxDelete: 1000, subsecondTimes: true }
        const mirrors = createMirrors(recordingRunner().runner, join(folder, 'run'))
        for (const name of folders) mkdirSync(join(from, name), { recursive: true })
        for (const name of files) write(join(from, name))
        for (const name of folders.toReversed()) utimesSync(join(from, name), at, at)
        mkdirSync(to)
        let counted = countOf((await mirrors.sync(plan, null, () => {})).stats, 1, exclude)
        for (const story of nights) {
          await sleep(150)
          // In a source what changed two seconds before counts too: so that no test waits for them to go by.
          const since = { sourceMs: Date.now() + 1900, mirrorMs: Date.now() }
          for (const { side, what, path, other } of story) {
            // What is excluded, and made in the mirror, may be in the way of what is not.
            if (side === 'mirror' && !['changes places', 'goes'].includes(what)) continue
            try {
              happenings[what]?.(join(folder, side, path), join(folder, side, other))
            } catch {
              // It cannot happen to what is there.
            }
          }
          const last = counted && ({ counted, left: {} } as LastCopy)
          const names = await mirrors.compare(plan, 'run1', { since })
          const sync = (plan: Parameters<typeof mirrors.sync>[0]) => mirrors.sync(plan, null, () => {})
          const { outcome } = await syncListed(plan, last, names, sync)
          expect(rsync('--delete', '--out-format=%i %n', ...patterns, `${from}/`, `${to}/`)).toBe('')
          const [, entries] =
            /^Number of files: ([\d,]+)/m.exec(rsync('--stats', ...patterns, `${from}/`, `${to}/`)) ?? []
          expect(outcome.stats.files).toBe(Number(entries?.replaceAll(',', '')))
          counted = countOf(outcome.stats, names.mirrorNames, exclude)
        }
        rmSync(folder, { recursive: true })
      }),
      { numRuns: Number(process.env.RUNS ?? 8), endOnFailure: true, examples: [[unseen]] },
    )
  },
)
