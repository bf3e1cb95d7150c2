import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ArchivePlan, archivePath } from '../../../../runtime/host/archive/archive-place.ts'
import { createArchives } from '../../../../runtime/host/archive/archives.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { target } from './archive-plans.ts'
import { recordingRunner } from './runner.ts'

// Archives that are made of an earlier one and of what has changed since.

const never = new AbortController().signal

/** A mirror of 300 small files and a large one, which was written some time ago. */
class Week {
  readonly folder = temporaryFolder()
  readonly mirror = join(this.folder, 'hdd1', 'var')
  readonly #packing: Pick<ArchivePlan, 'compression' | 'level'>
  /** Uptimes of the machine that ended in order. */
  readonly inOrder = new Set(['boot1'])
  boot = 'boot1'
  /** Far enough from what was written for the clock of the file system to have gone on. */
  now = () => Date.now() + 10_000

  constructor(packing: Pick<ArchivePlan, 'compression' | 'level'> = { compression: 'zstd', level: 3 }) {
    this.#packing = packing
    mkdirSync(join(this.folder, 'hdd9'))
    for (let n = 0; n < 300; n += 1) this.put(`folder${n % 10}/file${n}`, `contents of ${n}\n`.repeat(n))
    this.put('folder3/large', Buffer.alloc(6 * 1024 ** 2, 'not so easily compressed ').toString('latin1'))
  }

  path(name: string): string {
    return join(this.mirror, name)
  }

  put(name: string, contents: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true })
    writeFileSync(this.path(name), contents)
  }

  plan(weekday: string): ArchivePlan {
    const [from, to] = [target('hdd1', join(this.folder, 'hdd1')), target('hdd9', join(this.folder, 'hdd9'))]
    return { from, to, source: 'var', weekday, ...this.#packing }
  }

  async archive(weekday: string, runner = recordingRunner()) {
    const boots = { current: this.boot, inOrderSince: (boot: string) => this.inOrder.has(boot) }
    const stateDirectory = join(this.folder, 'state')
    const archives = createArchives({
      runner: runner.runner,
      signal: never,
      boots,
      stateDirectory,
      now: this.now,
    })
    const { archive, damaged } = await archives.write(this.plan(weekday), () => {})
    const share = (archive.takenBytes ?? 0) / archive.sizeBytes
    return { ...archive, damaged, share, programs: runner.recorded.map(({ argv }) => argv[0]) }
  }

  /** What comes out of an archive has to be what is in the mirror. */
  expectWhole(path: string): void {
    const unpacked = join(this.folder, 'unpacked')
    rmSync(unpacked, { recursive: true, force: true })
    mkdirSync(unpacked)
    execFileSync('tar', ['--extract', '--xattrs', '--acls', `--file=${path}`, '-C', unpacked])
    expect(describeTree(join(unpacked, 'var'))).toEqual(describeTree(this.mirror))
  }
}

/** Everything that an archive keeps: contents, times, modes, and which names are of one file. */
function describeTree(root: string): string[] {
  const list = execFileSync('find', [root, '!', '-type', 's', '-printf', '%P %y %m %U %G %T@ %l %n\\0'], {
    maxBuffer: 2 ** 26,
  })
  const sums = execFileSync(
    'sh',
    [
      '-c',
      `cd "$0" && find . -type f -print0 | sort -z | xargs -0 sha256sum; find . -type f -links +1 -printf '%i %p\\n' | sort`,
      root,
    ],
    { maxBuffer: 2 ** 26 },
  )
  const names = sums
    .toString('latin1')
    .replace(/^\d+ (?=\.\/)/gm, 'shared ')
    .split('\n')
  return [...list.toString('latin1').split('\0').sort(), ...names]
}

describe('an archive after a quiet day', () => {
  test.each(['zstd', 'gzip', 'none'] as const)(
    'is taken from the one before but for what has changed, with %s',
    async (compression) => {
      const week = new Week({ compression, level: undefined })
      const monday = await week.archive('Monday')
      expect(monday.takenFrom).toBeUndefined()
      week.put('folder5/file15', 'something else')
      const tuesday = await week.archive('Tuesday')
      expect(tuesday.takenFrom).toBe(monday.path)
      expect(tuesday.share).toBeGreaterThan(0.8)
      expect(tuesday.damaged).toEqual([])
      week.expectWhole(tuesday.path)
      week.expectWhole((await week.archive('Wednesday')).path)
      const [tool] = { zstd: ['zstd'], gzip: ['gzip'], none: [undefined] }[compression]
      if (tool) execFileSync(tool, ['--quiet', '--test', tuesday.path])
    },
  )

  test('needs no tar when nothing has changed', async () => {
    const week = new Week()
    await week.archive('Monday')
    const { share, programs, path } = await week.archive('Tuesday')
    // The rest is what tells where the segments lie.
    expect(share).toBeGreaterThan(0.9)
    expect(programs).not.toContain('tar')
    week.expectWhole(path)
  })

  test('replaces the one of the same day, from which it is taken', async () => {
    const week = new Week()
    await week.archive('Monday')
    week.put('folder5/file15', 'something else')
    const { share, path } = await week.archive('Monday')
    expect(share).toBeGreaterThan(0.8)
    week.expectWhole(path)
    expect(readdirSync(dirname(path))).toEqual(['var.tar.zst'])
  })
})

test('archives of a mirror in which all kinds of things happen are whole, day after day', async () => {
  const week = new Week()
  const odd = ['new\nline', 'back\\slash', '-dash', '%P', ' ', "it's", `${'deep/'.repeat(30)}file`, 'ümlaut']
  const happens: (() => void)[] = [
    () => {
      for (const name of odd) week.put(`odd/${name}`, name)
    },
    () => linkSync(week.path('folder1/file1'), week.path('folder2/second name')),
    () => symlinkSync('/nowhere', week.path('folder2/pointer')),
    () => rmSync(week.path('folder4'), { recursive: true }),
    () => chmodSync(week.path('folder6/file6'), 0o4711),
    () => renameSync(week.path('folder7'), week.path('renamed')),
    () => rmSync(week.path('folder1/file1')),
    () => truncateSync(week.path('folder3/large'), 9 * 1024 ** 2),
    () => execFileSync('setfattr', ['-n', 'user.mark', '-v', 'red', week.path('folder8/file8')]),
    () => execFileSync('mkfifo', [week.path('pipe')]),
    () => {
      // Of the same size and time as before: the time of change alone tells.
      const { mtime, size } = statSync(week.path('folder9/file9'))
      writeFileSync(week.path('folder9/file9'), 'z'.repeat(size))
      utimesSync(week.path('folder9/file9'), mtime, mtime)
    },
    () => {
      rmSync(week.path('folder0'), { recursive: true })
      week.put('folder0', 'a file in the place of a folder')
    },
    () => {
      for (const name of readdirSync(week.mirror)) rmSync(week.path(name), { recursive: true })
    },
    () => week.put('again', 'first'),
  ]
  for (const [day, happen] of happens.entries()) {
    happen()
    const { path, damaged } = await week.archive(['Monday', 'Tuesday', 'Wednesday'][day % 3] ?? '')
    expect(damaged).toEqual([])
    week.expectWhole(path)
  }
})

test('what was changed in the very moment of its archive is packed again the next time', async () => {
  const week = new Week()
  // Times of change cannot be set: what a tenth of a second has not passed since counts as the same moment.
  await sleep(200)
  week.put('folder1/file1', 'just now')
  week.now = () => statSync(week.path('folder1/file1')).ctimeMs
  await week.archive('Monday')
  const { programs, share } = await week.archive('Tuesday')
  expect(programs).toContain('tar')
  expect(share).toBeGreaterThan(0.8)
})

test('a socket in the mirror is left out', async () => {
  const week = new Week()
  const server = createServer().listen(week.path('socket'))
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  week.expectWhole((await week.archive('Monday')).path)
})

describe('nothing is taken from an archive', () => {
  async function second(happens: (week: Week, path: string) => void) {
    const week = new Week()
    const { path } = await week.archive('Monday')
    happens(week, path)
    const tuesday = await week.archive('Tuesday')
    week.expectWhole(tuesday.path)
    expect(tuesday.takenFrom).toBeUndefined()
    return { ...tuesday, monday: path }
  }

  /** As a disk does it, behind the back of the file system. */
  function damage(path: string, at: number): void {
    const { atime, mtime } = statSync(path)
    const bytes = readFileSync(path)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(path, bytes)
    execFileSync('touch', ['-d', mtime.toISOString(), path])
    utimesSync(path, atime, mtime)
  }

  test.each<[string, (week: Week, path: string) => void]>([
    ['that is gone', (_, path) => rmSync(path)],
    ['that somebody has replaced', (_, path) => writeFileSync(path, readFileSync(path))],
    ['that has become longer', (_, path) => appendFileSync(path, 'x')],
    ['whose index is gone', ({ folder }) => rmSync(join(folder, 'state', 'archives'), { recursive: true })],
    [
      'of a mirror since which the power has failed',
      (week) => {
        week.boot = 'boot2'
        week.inOrder.clear()
      },
    ],
  ])('%s, and nothing is wrong with that', async (_, happens) => {
    const { damaged } = await second(happens)
    expect(damaged).toEqual([])
  })

  test('that is damaged, and it is said which', async () => {
    const week = new Week({ compression: 'none', level: undefined })
    // Its time is to the microsecond, as it can be set again.
    const monday = await week.archive('Monday')
    const at = statSync(monday.path).size >> 1
    execFileSync('touch', ['-r', monday.path, `${monday.path}.time`])
    damage(monday.path, at)
    execFileSync('touch', ['-r', `${monday.path}.time`, monday.path])
    const tuesday = await week.archive('Tuesday')
    expect(tuesday.takenFrom).toBeUndefined()
    expect(tuesday.damaged).toEqual([
      `the archive ${monday.path} is damaged: it does not read back as it was written`,
    ])
    week.expectWhole(tuesday.path)
  })

  test('of another mirror with the same in it', async () => {
    const { damaged } = await second(({ mirror }) => {
      execFileSync('cp', ['-a', mirror, `${mirror}.new`])
      renameSync(mirror, `${mirror}.old`)
      renameSync(`${mirror}.new`, mirror)
    })
    expect(damaged).toEqual([])
  })

  test('that was compressed in another way', async () => {
    const week = new Week()
    await week.archive('Monday')
    const other = new Week({ compression: 'gzip', level: 9 })
    expect(archivePath(other.plan('Monday'))).toMatch(/gz$/)
    expect((await other.archive('Tuesday')).takenFrom).toBeUndefined()
  })
})
