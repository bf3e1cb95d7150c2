import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Source } from '../../../../runtime/config/config.ts'
import type { Since } from '../../../../runtime/host/mirror/compare.ts'
import { createMirrors, type Mirrors } from '../../../../runtime/host/mirror/mirrors.ts'
import type { SyncPlan } from '../../../../runtime/host/mirror/rsync-argv.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { recordingRunner } from './runner.ts'

const isRoot = process.getuid?.() === 0
const at = 1_700_000_000

/** What a source holds; with its own folder, nine entries. */
function plant(from: string): void {
  mkdirSync(join(from, 'sub', 'empty'), { recursive: true })
  writeFileSync(join(from, 'sub', 'file'), 'content')
  writeFileSync(join(from, 'sub', 'other'), 'another')
  writeFileSync(join(from, 'new\nline'), '')
  linkSync(join(from, 'sub', 'file'), join(from, 'linked'))
  symlinkSync('nowhere', join(from, 'link'))
  mkdirSync(join(from, 'cache'))
  for (const name of ['sub/file', 'sub/other', 'new\nline']) utimesSync(join(from, name), at, at + 0.123)
}
const entries = 9

let from: string
let to: string
let mirrors: Mirrors
let plan: SyncPlan
/** In a source what changed two seconds before counts too: so that no test waits for them to go by. */
const now = (): Since => ({ sourceMs: Date.now() + 1900, mirrorMs: Date.now() })
/** No change is as late as that: what is found then, is found without times of change. */
const tomorrow: Since = { sourceMs: Date.now() + 86_400_000, mirrorMs: Date.now() + 86_400_000 }

async function facts(since: Since) {
  const { facts } = await mirrors.compare(plan, 'run1', { since })
  return facts
}

beforeEach(async () => {
  const folder = temporaryFolder()
  from = join(folder, 'source')
  to = join(folder, 'mirror')
  plant(from)
  mkdirSync(to)
  mirrors = createMirrors(recordingRunner().runner, join(folder, 'run'))
  plan = { from, to, exclude: [], maxDelete: 0, subsecondTimes: true }
  await mirrors.sync(plan, null, () => {})
})

describe('what has been copied', () => {
  test('is the same on both sides, and has not changed since', async () => {
    expect(await facts(tomorrow)).toEqual({ same: entries, changed: 0 })
    // The kernel's clock for files ticks every few milliseconds, and a tenth of a second is allowed for.
    await sleep(150)
    expect(await facts(now())).toEqual({ same: entries, changed: 0 })
  })

  test('has changed where that is so recent that it may change again unseen', async () => {
    const soonAfter = statSync(join(from, 'sub', 'file')).ctimeMs + 1900
    expect((await facts({ sourceMs: soonAfter, mirrorMs: soonAfter }))?.changed).toBeGreaterThan(0)
  })

  test('is not told of where nobody asked, or not all can be read', async () => {
    expect((await mirrors.compare(plan, 'run1')).facts).toBeUndefined()
    const { runner } = recordingRunner()
    const failing = createMirrors(
      { ...runner, run: async (command) => ({ ...(await runner.run(command)), exitCode: 1 }) },
      join(dirname(to), 'run'),
    )
    expect((await failing.compare(plan, 'run1', { since: tomorrow })).facts).toBeUndefined()
  })

  test('is told of by a survey of the mirror too, if that looked for it', async () => {
    const target = { name: 'hdd1', path: dirname(to), mounts: [], parallel: 1 }
    const source = { name: basename(to) } as Source
    await mirrors.survey(target, source, 'run1', { since: tomorrow })
    expect(await facts(tomorrow)).toEqual({ same: entries, changed: 0 })
    await mirrors.survey(target, source, 'run1')
    expect(await facts(tomorrow)).toBeUndefined()
  })

  test.runIf(isRoot)('is not told of by a survey where the times of the mirror do not tell', async () => {
    const elsewhere = join(dirname(to), 'elsewhere')
    mkdirSync(elsewhere)
    execFileSync('mount', ['-t', 'ramfs', 'ramfs', elsewhere])
    onTestFinished(() => void execFileSync('umount', [elsewhere]))
    const target = { name: 'hdd1', path: elsewhere, mounts: [], parallel: 1 }
    const there = { ...plan, to: join(elsewhere, 'mirror') }
    mkdirSync(there.to)
    await mirrors.sync(there, null, () => {})
    await mirrors.survey(target, { name: 'mirror' } as Source, 'run1', { since: tomorrow, changes: true })
    const { facts, listed } = await mirrors.compare(there, 'run1', { since: tomorrow, changes: true })
    expect({ facts, listed }).toEqual({ facts: undefined, listed: undefined })
  })

  test('may be told of with what was written in a time', async () => {
    const writtenIn = { fromMs: (at - 2) * 1000, toMs: (at + 1) * 1000 }
    const { facts, written } = await mirrors.compare(plan, 'run1', { writtenIn, since: tomorrow })
    expect(facts).toEqual({ same: entries, changed: 0 })
    expect(written).toBeDefined()
  })
})

/** With what of it is seen by a look at both sides alone, without the times of change. */
const changes: [name: string, change: (root: string) => void, isSeen: boolean][] = [
  ['contents of another size', (root) => appendFileSync(join(root, 'sub/other'), 'more'), true],
  ['contents of the same size', (root) => writeFileSync(join(root, 'sub/other'), 'ANOTHER'), true],
  ['a time of a file', (root) => utimesSync(join(root, 'sub/other'), at, at + 0.124), true],
  ['a time of a folder', (root) => utimesSync(join(root, 'sub/empty'), at, at), true],
  ['a time of its own folder', (root) => utimesSync(root, at, at), true],
  ['a time of a link', (root) => lutimesSync(join(root, 'link'), at, at), true],
  ['a mode', (root) => chmodSync(join(root, 'sub/empty'), 0o700), true],
  ['a file that is new', (root) => writeFileSync(join(root, 'sub/empty/new'), ''), true],
  ['a file that is gone', (root) => rmSync(join(root, 'sub/other')), true],
  ['a file that has another name', (root) => renameSync(join(root, 'linked'), join(root, 'moved')), true],
  [
    'where a link leads to',
    (root) => {
      rmSync(join(root, 'link'))
      symlinkSync('somewhe', join(root, 'link'))
    },
    true,
  ],
  [
    'a folder that has become a file',
    (root) => {
      rmSync(join(root, 'cache'), { recursive: true })
      writeFileSync(join(root, 'cache'), '')
    },
    true,
  ],
  ...(isRoot
    ? ([
        ['an owner', (root: string) => chownSync(join(root, 'sub/other'), 1, 0), true],
        ['a group', (root: string) => chownSync(join(root, 'sub/other'), 0, 1), true],
      ] as typeof changes)
    : []),
  [
    'contents of the same size whose old time was put back',
    (root) => {
      writeFileSync(join(root, 'sub/other'), 'ANOTHER')
      utimesSync(join(root, 'sub/other'), at, at + 0.123)
    },
    false,
  ],
  [
    'an attribute',
    (root) => execFileSync('setfattr', ['-n', 'user.hdsync', '-v', '1', join(root, 'sub/other')]),
    false,
  ],
  [
    'an access list',
    (root) => execFileSync('setfacl', ['-d', '-m', 'u:1:r', join(root, 'sub/empty')]),
    false,
  ],
  [
    'two names of a file that have become two files',
    (root) => {
      const { mtime, atime } = statSync(join(root, 'linked'))
      const folder = statSync(root)
      rmSync(join(root, 'linked'))
      writeFileSync(join(root, 'linked'), 'content')
      utimesSync(join(root, 'linked'), atime, mtime)
      utimesSync(root, folder.atime, folder.mtime)
    },
    false,
  ],
]

describe.each([
  ['source', () => from],
  ['mirror', () => to],
])('of a change in the %s', (_, root) => {
  beforeAll(() => {
    for (const tool of ['setfattr', 'setfacl']) execFileSync(tool, ['--version'])
  })

  test.each(changes)('%s is seen', async (_, change, isSeen) => {
    await sleep(150)
    const since = now()
    change(root())
    expect((await facts(since))?.changed).toBeGreaterThan(0)
    if (isSeen) expect((await facts(tomorrow))?.same).not.toBe(entries)
  })
})
