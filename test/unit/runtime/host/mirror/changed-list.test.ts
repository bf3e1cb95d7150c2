import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Command } from '../../../../../runtime/host/command/command.ts'
import { createMirrors } from '../../../../../runtime/host/mirror/mirrors.ts'
import type { SyncPlan } from '../../../../../runtime/host/mirror/rsync-argv.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

const isRoot = process.getuid?.() === 0
const at = 1_700_000_000

const files = ['a/one', 'a/two', 'a/b/#three', 'a/b/;four', 'c/ five', 'c/d/six\nseven', 'c/d/ééé', '-eight']
const folders = ['a', 'a/b', 'c', 'c/d', 'empty', '#folder', '']
const places = [...files, ...folders.slice(0, -1), 'a/new', 'a/b/#new', 'c/d/;new', 'new', 'empty/x/y']

function plant(from: string): void {
  for (const folder of folders) mkdirSync(join(from, folder), { recursive: true })
  for (const [n, file] of files.entries()) {
    writeFileSync(join(from, file), `content ${n}`)
    utimesSync(join(from, file), at, at + n / 8)
  }
  linkSync(join(from, 'a/one'), join(from, 'c/linked'))
  symlinkSync('nowhere', join(from, 'a/link'))
}

/** What may happen to a name, of whatever type it is and whether it is there or not. */
const happenings: Record<string, (path: string, other: string) => void> = {
  'is written anew': (path) => writeFileSync(path, 'something else, and longer'),
  'is written with the size and time it had': (path) => {
    const { size, atime, mtime } = statSync(path)
    writeFileSync(path, 'x'.repeat(size))
    utimesSync(path, atime, mtime)
  },
  grows: (path) => appendFileSync(path, '+'),
  'has another time': (path) => utimesSync(path, at, at + 0.5),
  'has another mode': (path) => chmodSync(path, 0o750),
  'has another owner': (path) => isRoot && chownSync(path, 1, 1),
  'gets an attribute': (path) => execFileSync('setfattr', ['-n', 'user.hdsync', '-v', '1', path]),
  'gets an access list': (path) => execFileSync('setfacl', ['-m', 'u:1:rx', path]),
  'gets a second name': (path, other) => linkSync(path, other),
  'has another name': (path, other) => renameSync(path, other),
  'becomes a folder': (path) => {
    rmSync(path, { recursive: true })
    mkdirSync(path)
    writeFileSync(join(path, 'inside'), 'inside')
  },
  'becomes a file': (path) => {
    rmSync(path, { recursive: true })
    writeFileSync(path, 'was something else')
  },
  'becomes a link': (path, other) => {
    rmSync(path, { recursive: true })
    symlinkSync(other, path)
  },
  'becomes a pipe': (path) => {
    rmSync(path, { recursive: true })
    execFileSync('mkfifo', [path])
  },
  'is another file that looks the same': (path) => {
    const { atime, mtime, nlink } = statSync(path)
    // Rsync never undoes a link between two files that look the same.
    if (nlink > 1) return
    const content = readFileSync(path)
    const folder = statSync(dirname(path))
    rmSync(path)
    writeFileSync(path, content)
    utimesSync(path, atime, mtime)
    utimesSync(dirname(path), folder.atime, folder.mtime)
  },
  'is made': (path) => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, 'made')
  },
  goes: (path) => rmSync(path, { recursive: true }),
}

const opening = [
  'is written anew',
  'is written with the size and time it had',
  'grows',
  'is another file that looks the same',
  'is made',
]

function isPipe(path: string): boolean {
  try {
    return statSync(path).isFIFO()
  } catch {
    return false
  }
}

const happening = fc.record({
  side: fc.constantFrom('source', 'source', 'source', 'mirror'),
  what: fc.constantFrom(...Object.keys(happenings)),
  path: fc.constantFrom(...places),
  other: fc.constantFrom(...places),
})

/** Copies what has changed, by a list where that is possible, as a night does. @returns Whether a list was possible. */
async function copyChanges(folder: string, plan: SyncPlan, since: { sourceMs: number; mirrorMs: number }) {
  const mirrors = createMirrors(recordingRunner().runner, join(folder, 'run'))
  const nowMs = Date.now()
  const writtenIn = { fromMs: since.sourceMs - 2000, toMs: nowMs, mirrorMs: since.mirrorMs, nowMs }
  const { listed, written } = await mirrors.compare(plan, 'run1', { since, writtenIn })
  if (written) await mirrors.syncWritten(plan, written)
  await mirrors.sync({ ...plan, listed, maxDelete: 1000 }, null, () => {})
  return listed !== undefined
}

async function copied(exclude: string[] = []): Promise<{ folder: string; plan: SyncPlan }> {
  const folder = temporaryFolder()
  const plan = {
    from: join(folder, 'source'),
    to: join(folder, 'mirror'),
    exclude,
    maxDelete: 0,
    subsecondTimes: true,
  }
  plant(plan.from)
  mkdirSync(plan.to)
  await createMirrors(recordingRunner().runner, join(folder, 'run')).sync(plan, null, () => {})
  // The kernel's clock for files ticks every few milliseconds, and a tenth of a second is allowed for.
  await sleep(150)
  return { folder, plan }
}

/** In a source what changed two seconds before counts too: so that no test waits for them to go by. */
const now = () => ({ sourceMs: Date.now() + 1900, mirrorMs: Date.now() })

/** What a copy of everything, contents and all, would still do. */
function leftToDo({ from, to, exclude }: SyncPlan): string {
  const argv = [
    '-naHAXXx',
    '--numeric-ids',
    '--delete',
    '--checksum',
    '--modify-window=-1',
    '--out-format=%i %n',
  ]
  const all = [...argv, ...exclude.map((one) => `--exclude=${one}`), `${from}/`, `${to}/`]
  const { stdout } = spawnSync('rsync', all, { encoding: 'utf8' })
  // What is excluded in a folder keeps it from being deleted, and whatever has its name from being made.
  return stdout.replaceAll(/^cannot delete non-empty directory: .*\n/gm, '')
}

/** What happens before a night. */
const story = fc.array(happening, { minLength: 1, maxLength: 6 })

const patterns = [[], ['/a/b/', 'new'], ['#*', 'c/d', '*.tmp'], ['/a/*', 'x/'], ['b/**', 'link']]

describe('a copy of what is listed', () => {
  test.each(patterns.map((exclude) => ({ exclude })))(
    'does all that a copy of everything does: $exclude',
    async ({ exclude }) => {
      await fc.assert(
        fc.asyncProperty(fc.array(story, { minLength: 2, maxLength: 2 }), async (nights) => {
          const { folder, plan } = await copied(exclude)
          for (const story of nights) {
            await sleep(150)
            const since = now()
            for (const { side, what, path, other } of story) {
              // Whoever opens a pipe waits for its other end.
              if (opening.includes(what) && isPipe(join(folder, side, path))) continue
              try {
                happenings[what]?.(join(folder, side, path), join(folder, side, other))
              } catch {
                // It cannot happen to what is there.
              }
            }
            await copyChanges(folder, plan, since)
            expect(leftToDo(plan)).toBe('')
          }
          rmSync(folder, { recursive: true })
        }),
        { numRuns: Number(process.env.RUNS ?? 6), endOnFailure: true },
      )
    },
  )

  const listOf = async (folder: string, plan: SyncPlan, since = now()) => {
    const { listed } = await createMirrors(recordingRunner().runner, join(folder, 'run')).compare(
      plan,
      'run1',
      { since },
    )
    return listed && readFileSync(listed, 'utf8').split('\0').toSorted()
  }

  test('opens no folder in which nothing has changed, and looks at no file of one in which only a file has', async () => {
    const { folder, plan } = await copied()
    const since = now()
    writeFileSync(join(plan.from, 'a/two'), 'something else')
    rmSync(join(plan.from, 'c/ five'))
    expect(await listOf(folder, plan, since)).toEqual(['', './a/two', './c/'])
  })

  test('is needless where nothing has changed', async () => {
    const { folder, plan } = await copied()
    expect(await listOf(folder, plan)).toBeUndefined()
  })

  test('names what was moved with its folder, and has not changed itself', async () => {
    const { folder, plan } = await copied()
    const since = now()
    renameSync(join(plan.from, 'a/b'), join(plan.from, 'a/moved'))
    const names = await listOf(folder, plan, since)
    expect(names).toEqual(expect.arrayContaining(['./a/', './a/moved/#three', './a/moved/;four']))
    expect(await copyChanges(folder, plan, since)).toBe(true)
    expect(leftToDo(plan)).toBe('')
  })

  test('takes folders that the copy before has just made for no others', async () => {
    const { folder, plan } = await copied()
    for (const name of ['one', 'other']) {
      const since = now()
      mkdirSync(join(plan.from, 'a/b', name))
      expect(await copyChanges(folder, plan, since)).toBe(true)
      expect(leftToDo(plan)).toBe('')
    }
  })

  test('is one of everything where what was moved with its folder is a file that has another name elsewhere', async () => {
    const { folder, plan } = await copied()
    const since = now()
    renameSync(join(plan.from, 'c'), join(plan.from, 'moved'))
    expect(await copyChanges(folder, plan, since)).toBe(false)
    expect(leftToDo(plan)).toBe('')
  })

  test('follows no link that stands where the mirror has a folder in which somebody changed something', async () => {
    const { folder, plan } = await copied()
    const secret = join(folder, 'secret')
    mkdirSync(secret)
    for (const name of ['#three', 'new']) writeFileSync(join(secret, name), 'secret')
    const since = now()
    rmSync(join(plan.from, 'a/b'), { recursive: true })
    symlinkSync(secret, join(plan.from, 'a/b'))
    for (const name of ['#three', 'new']) writeFileSync(join(plan.to, 'a/b', name), 'changed')
    expect(await copyChanges(folder, plan, since)).toBe(true)
    expect(leftToDo(plan)).toBe('')
    expect(readlinkSync(join(plan.to, 'a/b'))).toBe(secret)
  })

  test.runIf(isRoot)('has nothing of a file system that is mounted in the source', async () => {
    const { folder, plan } = await copied()
    const since = now()
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(plan.from, 'empty')])
    onTestFinished(() => void execFileSync('umount', [join(plan.from, 'empty')]))
    writeFileSync(join(plan.from, 'empty/elsewhere'), 'elsewhere')
    execFileSync('mount', ['--bind', join(plan.from, 'empty/elsewhere'), join(plan.from, 'a/two')])
    onTestFinished(() => void execFileSync('umount', [join(plan.from, 'a/two')]))
    writeFileSync(join(plan.from, 'a/one'), 'something else')
    expect(await copyChanges(folder, plan, since)).toBe(true)
    expect(leftToDo(plan)).toBe('')
    expect(existsSync(join(plan.to, 'empty/elsewhere'))).toBe(false)
    // A file that is mounted over another one is copied as it is seen.
    expect(readFileSync(join(plan.to, 'a/two'), 'utf8')).toBe('elsewhere')
  })

  test.each([
    ...[
      '/',
      '//',
      'a//',
      'a\\b',
      '/a\\b/',
      '*\\**',
      'a[a/]b',
      's p ',
      ' s',
      '#x',
      '**/deep',
      '[[:alpha:]]x/',
    ],
    ...['*/', '**', '/**/x/', 'foo/***', '?b', 'x/**/y', 'q/*/r'],
  ])('leaves out what a copy of everything does: %j', async (pattern) => {
    const { folder, plan } = await copied([pattern])
    const of = ['ab', 'a\\b', 's p ', ' s', '#x', 'q/deep', 'qx', 'foo/bar', 'x/q/r/y', 'st*r/f', 'q/x/r']
    const since = now()
    for (const name of of) {
      mkdirSync(join(plan.from, name, 'below'), { recursive: true })
      writeFileSync(join(plan.from, name, 'below/file'), name)
    }
    await copyChanges(folder, plan, since)
    expect(leftToDo(plan)).toBe('')
    const afresh = { ...plan, to: join(folder, 'afresh') }
    mkdirSync(afresh.to)
    await createMirrors(recordingRunner().runner, join(folder, 'run')).sync(afresh, null, () => {})
    expect(leftToDo({ ...plan, exclude: [], from: afresh.to })).toBe('')
  })

  test.each<[what: string, differ: (path: string) => void]>([
    [
      'an attribute',
      (path) => execFileSync('setfattr', ['-n', 'user.hdsync', '-v', '1', join(path, 'file')]),
    ],
    ['an access list', (path) => execFileSync('setfacl', ['-m', 'u:1:rw', '-m', 'g::r', join(path, 'file')])],
    ['a second name', (path) => linkSync(join(path, 'file'), join(path, '../second'))],
    ['a file that goes', (path) => writeFileSync(join(path, 'other'), 'other')],
  ])('is one of everything where a folder has taken the place of one with %s', async (_, differ) => {
    for (const side of ['source', 'mirror']) {
      const { folder, plan } = await copied()
      for (const name of ['old', 'new']) {
        const path = join(plan.from, name, 'of/it')
        mkdirSync(path, { recursive: true })
        writeFileSync(join(path, 'file'), 'the same')
        chmodSync(join(path, 'file'), 0o664)
        if (name === 'old') differ(path)
        for (const entry of ['file', '.', '..', '../..']) utimesSync(join(path, entry), at, at)
      }
      await createMirrors(recordingRunner().runner, join(folder, 'run')).sync(plan, null, () => {})
      const since = now()
      await sleep(150)
      for (const [from, to] of ['old swapped', 'new old', 'swapped new'].map((names) => names.split(' ')))
        renameSync(join(folder, side, `${from}`), join(folder, side, `${to}`))
      expect(await copyChanges(folder, plan, since)).toBe(false)
      expect(leftToDo(plan)).toBe('')
    }
  })

  test('is one of everything where a path is too long for a list', async () => {
    const { folder, plan } = await copied()
    const since = now()
    const deep =
      'n="$(printf "%250s" | tr " " d)"; for i in $(seq 17); do mkdir "$n" && cd "$n"; done; touch end'
    execFileSync('sh', ['-c', deep], { cwd: plan.from })
    const mirrors = createMirrors(recordingRunner().runner, join(folder, 'run'))
    expect((await mirrors.compare(plan, 'run1', { since })).listed).toBeUndefined()
    execFileSync('rm', ['-r', plan.from])
  })

  test.runIf(isRoot)('is one of everything where there is no room for a list', async () => {
    const { folder, plan } = await copied()
    const run = join(folder, 'run')
    mkdirSync(run, { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', run])
    onTestFinished(() => void execFileSync('umount', [run]))
    writeFileSync(join(run, 'full'), Buffer.alloc(4096))
    const since = now()
    writeFileSync(join(plan.from, 'a/two'), 'something else')
    expect(await copyChanges(folder, plan, since)).toBe(false)
    expect(leftToDo(plan)).toBe('')
  })

  test('is one of everything where a side cannot be read', async () => {
    const { folder, plan } = await copied()
    const { runner } = recordingRunner()
    const failing = {
      ...runner,
      run: async (command: Command) => ({ ...(await runner.run(command)), exitCode: 1 }),
    }
    const mirrors = createMirrors(failing, join(folder, 'run'))
    const since = now()
    writeFileSync(join(plan.from, 'a/two'), 'something else')
    expect((await mirrors.compare(plan, 'run1', { since })).listed).toBeUndefined()
  })
})
