import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SuspectMirrorError, TerminalError } from '../../../../../runtime/errors.ts'
import { CommandError, type CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { forecast, sync } from '../../../../../runtime/host/mirror/rsync.ts'
import { rsyncArgv, type SyncPlan } from '../../../../../runtime/host/mirror/rsync-argv.ts'
import { parseProgress, parseStats } from '../../../../../runtime/host/mirror/rsync-output.ts'
import type { Progress } from '../../../../../runtime/progress.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

// Recorded from rsync 3.5.0: --max-delete=1 --info=progress2,stats2 --no-human-readable, exit 25.
const output = `\r          32768   5%    0.00kB/s    0:00:00  \r         300002  49%  254.85MB/s    0:00:00 (xfr#1, to-chk=3/5)\r         300002  49%  254.85MB/s    0:00:00 (xfr#1, to-chk=0/5)

Number of files: 5 (reg: 2, dir: 2, link: 1)
Number of created files: 4 (reg: 3, dir: 1)
Number of deleted files: 1 (reg: 1)
Number of regular files transferred: 3
Total file size: 600006 bytes
Total transferred file size: 300002 bytes
Literal data: 300002 bytes
Matched data: 0 bytes
File list size: 0
File list generation time: 0.001 seconds
File list transfer time: 0.000 seconds
Total bytes sent: 300276
Total bytes received: 41

sent 300276 bytes  received 41 bytes  600634.00 bytes/sec
total size is 600006  speedup is 2.00
`

/** A source and a mirror, and how to copy the one to the other. */
function folders(plan: Partial<SyncPlan> = {}): SyncPlan {
  const folder = temporaryFolder()
  const from = join(folder, 'source')
  const to = join(folder, 'mirror')
  mkdirSync(from)
  mkdirSync(to)
  return { from, to, exclude: [], maxDelete: 100, subsecondTimes: true, ...plan }
}

function fill(folder: string, ...names: string[]): void {
  for (const name of names) writeFileSync(join(folder, name), name)
}

const copy = (plan: SyncPlan, onProgress: (progress: Progress) => void = () => {}) =>
  sync(recordingRunner().runner, plan, { onProgress })

describe('parseStats()', () => {
  test('reads what rsync prints', () => {
    expect(parseStats(output)).toEqual({
      files: 5,
      created: 4,
      deleted: 1,
      transferred: 3,
      transferredBytes: 300_002,
      sizeBytes: 600_006,
    })
  })

  test('reads numbers with separators too', () => {
    expect(
      parseStats('Number of files: 1,234,567 (reg: 1)\nTotal transferred file size: 9,876 bytes\n'),
    ).toEqual({
      files: 1_234_567,
      created: 0,
      deleted: 0,
      transferred: 0,
      transferredBytes: 9876,
      sizeBytes: 0,
    })
  })
})

describe('parseProgress()', () => {
  test.each([
    [
      '         300002  49%  254.85MB/s    0:00:00 (xfr#1, to-chk=3/5)',
      { bytes: 300_002, totalBytes: 612_249, bytesPerSecond: 267_229_594 },
    ],
    [
      '          32768   5%    0.00kB/s    0:00:00  ',
      { bytes: 32_768, totalBytes: 655_360, bytesPerSecond: 0 },
    ],
    [
      '      1,234,567   0%    1.50GB/s    0:00:09',
      { bytes: 1_234_567, totalBytes: null, bytesPerSecond: 1_610_612_736 },
    ],
    ['              0 100%    0.00kB/s    0:00:00', { bytes: 0, totalBytes: 0, bytesPerSecond: 0 }],
  ])('reads %j', (line, progress) => expect(parseProgress(line)).toEqual(progress))

  test.each(['', 'Number of files: 5', 'total size is 600006  speedup is 2.00', '100%', '5 5% 5'])(
    'finds none in %j',
    (line) => expect(parseProgress(line)).toBeUndefined(),
  )
})

describe('rsyncArgv()', () => {
  const plan: SyncPlan = { from: '/s', to: '/m', exclude: [], maxDelete: 7, subsecondTimes: false }

  test('limits deletions in a copy, and does nothing in a forecast', () => {
    expect(rsyncArgv(plan)).toContain('--max-delete=7')
    expect(rsyncArgv(plan)).not.toContain('--dry-run')
    expect(rsyncArgv(plan, true)).toContain('--dry-run')
    expect(rsyncArgv(plan, true).join(' ')).not.toContain('--max-delete')
  })

  test('never lets rsync delete after it could not read', () => {
    expect(rsyncArgv(plan)).not.toContain('--ignore-errors')
  })

  test('compares fractions of a second only where the target keeps them', () => {
    expect(rsyncArgv(plan)).not.toContain('--modify-window=-1')
    expect(rsyncArgv({ ...plan, subsecondTimes: true })).toContain('--modify-window=-1')
  })

  test('is held to a rate where it copies', () => {
    const limited = { ...plan, bytesPerSecond: 50 * 1024 ** 2 }
    expect(rsyncArgv(limited)).toContain('--bwlimit=51200')
    expect(rsyncArgv(limited, true).join()).not.toContain('bwlimit')
  })

  test('names the contents of both folders, however they are written', () => {
    expect(rsyncArgv({ ...plan, from: '/', to: '/mnt/m//' }).slice(-3)).toEqual(['--', '/', '/mnt/m/'])
    expect(rsyncArgv({ ...plan, from: '-n' }).slice(-3)).toEqual(['--', '-n/', '/m/'])
  })

  test('keeps every pattern one argument, whatever it begins with', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 })), (exclude) => {
        const argv = rsyncArgv({ ...plan, exclude })
        expect(argv).toHaveLength(rsyncArgv(plan).length + exclude.length)
        expect(argv.slice(0, argv.indexOf('--')).filter((word) => word.startsWith('--exclude='))).toEqual(
          exclude.map((pattern) => `--exclude=${pattern}`),
        )
      }),
    )
  })
})

describe('sync()', () => {
  test('makes the mirror equal to the source, and counts', async () => {
    const plan = folders()
    fill(plan.from, 'a', 'b')
    mkdirSync(join(plan.from, 'sub'))
    linkSync(join(plan.from, 'a'), join(plan.from, 'sub', 'link'))
    symlinkSync('nowhere', join(plan.from, 'symlink'))
    fill(plan.to, 'old')
    expect(await copy(plan)).toEqual({
      kind: 'done',
      unchanged: false,
      stats: {
        files: 6,
        created: 5,
        deleted: 1,
        transferred: 2,
        transferredBytes: 2,
        sizeBytes: 10,
        changed: 0,
      },
    })
    expect(readdirSync(plan.to, { recursive: true }).toSorted()).toEqual([
      'a',
      'b',
      'sub',
      'sub/link',
      'symlink',
    ])
    expect(statSync(join(plan.to, 'sub', 'link')).ino).toBe(statSync(join(plan.to, 'a')).ino)
  })

  test('sees a change of the same size within the same second', async () => {
    const plan = folders()
    const [source, mirrored] = [join(plan.from, 'a'), join(plan.to, 'a')]
    fill(plan.from, 'a')
    utimesSync(source, 1_000_000, 1_000_000.25)
    await copy(plan)
    writeFileSync(source, 'b')
    utimesSync(source, 1_000_000, 1_000_000.75)
    await copy({ ...plan, subsecondTimes: false })
    expect(readFileSync(mirrored, 'utf8')).toBe('a')
    await copy(plan)
    expect(readFileSync(mirrored, 'utf8')).toBe('b')
  })

  test('leaves out what is excluded, and what a mirror has of it', async () => {
    const plan = folders({ exclude: ['-n', '*.tmp', '/cache/', '--delete-excluded', 'with space'] })
    fill(plan.from, '-n', 'x.tmp', 'kept', '--delete-excluded', 'with space')
    mkdirSync(join(plan.from, 'cache'))
    fill(plan.to, 'y.tmp')
    expect(await copy(plan)).toMatchObject({ kind: 'done' })
    expect(readdirSync(plan.to)).toEqual(['kept', 'y.tmp'])
  })

  test('keeps the lost+found of a mirror with a file system of its own', async () => {
    const plan = folders()
    fill(plan.from, 'a')
    mkdirSync(join(plan.to, 'lost+found'))
    expect((await copy(plan)).stats.deleted).toBe(0)
    expect(readdirSync(plan.to)).toEqual(['a', 'lost+found'])
  })

  test('deletes no more than it may, says so, and does the rest', async () => {
    const plan = folders({ maxDelete: 1 })
    fill(plan.from, 'new')
    fill(plan.to, 'old1', 'old2', 'old3')
    expect(await copy(plan)).toMatchObject({ kind: 'limited', stats: { deleted: 1, transferred: 1 } })
    expect(readdirSync(plan.to)).toHaveLength(3)
    expect(await copy({ ...plan, maxDelete: 0 })).toMatchObject({ kind: 'limited', stats: { deleted: 0 } })
    expect(readdirSync(plan.to)).toHaveLength(3)
  })

  test('copies the rest where excluded files keep a folder from becoming a link', async () => {
    const plan = folders({ exclude: ['cache'] })
    fill(plan.from, 'new')
    symlinkSync('elsewhere', join(plan.from, 'www'))
    mkdirSync(join(plan.to, 'www/cache'), { recursive: true })
    fill(join(plan.to, 'www/cache'), 'kept')
    fill(plan.to, 'old')
    const leftOut = {
      kinds: [{ kind: 'in-the-way', count: 1, entries: ['www'] }],
      deletedNothing: false,
    }
    const { runner } = recordingRunner()
    expect(await forecast(runner, plan)).toMatchObject({ deleted: 1 })
    expect(await copy(plan)).toMatchObject({ kind: 'done', unchanged: false, leftOut })
    expect(readdirSync(plan.to)).toEqual(['new', 'www'])
    expect(existsSync(join(plan.to, 'www/cache/kept'))).toBe(true)
    // The next one has nothing to do but that, and still is not as it should be.
    expect(await copy(plan)).toMatchObject({ kind: 'done', unchanged: false, leftOut })
    fill(plan.to, 'more', 'than', 'permitted')
    expect(await copy({ ...plan, maxDelete: 1 })).toMatchObject({ kind: 'limited', skipped: 2 })
  })

  test('copies the rest where a path is too long, and says that nothing was deleted', async () => {
    const plan = folders()
    fill(plan.from, 'new')
    fill(plan.to, 'old')
    const deep = Array.from({ length: 22 }, () => 'D'.repeat(200))
    const down = 'cd "$0" && for d; do mkdir $d && cd $d; done'
    execFileSync('bash', ['-c', down, plan.from, ...deep], { stdio: 'ignore' })
    const outcome = await copy(plan)
    expect(outcome).toMatchObject({
      kind: 'done',
      leftOut: { kinds: [{ kind: 'long-name', count: 1 }], deletedNothing: true },
    })
    expect(readdirSync(plan.to)).toContain('new')
    execFileSync('rm', ['-rf', plan.from, plan.to])
  })

  test('that has read an error of the disk makes the mirror suspect, wherever the message stands', async () => {
    const script =
      'echo \'rsync: [sender] read errors mapping "/x": Input/output error (5)\' >&2; for i in $(seq 3000); do echo "rsync: [sender] opendir \\"/d$i\\" failed: Permission denied (13)" >&2; done; exit 23'
    const real = recordingRunner().runner
    const runner: CommandRunner = {
      ...real,
      run: (command) => real.run({ ...command, argv: ['sh', '-c', script] }),
    }
    const failure = await sync(runner, folders()).catch((error) => error)
    expect(failure).toBeInstanceOf(SuspectMirrorError)
    expect(failure).toMatchObject({ kind: 'io', message: expect.stringContaining('read errors mapping') })
  })

  test('that only deletes copies nothing', async () => {
    const plan = folders()
    fill(plan.from, 'new', 'same')
    fill(plan.to, 'old', 'same')
    expect(await copy({ ...plan, onlyDelete: true })).toMatchObject({ kind: 'done', stats: { deleted: 1 } })
    expect(readdirSync(plan.to)).toEqual(['same'])
    fill(plan.to, 'a', 'b')
    expect(await copy({ ...plan, onlyDelete: true, maxDelete: 1 })).toMatchObject({ kind: 'limited' })
  })

  test('tells how far it has come', async () => {
    const plan = folders()
    writeFileSync(join(plan.from, 'large'), Buffer.alloc(3_000_000, 'x'))
    const seen: Progress[] = []
    await sync(recordingRunner().runner, plan, {
      totalBytes: 5_000_000,
      onProgress: (progress) => seen.push(progress),
    })
    expect(seen.at(-2)).toMatchObject({ bytes: 3_000_000, totalBytes: 5_000_000 })
    // The forecast was of a source that was larger then: what was to be done is done.
    expect(seen.at(-1)).toMatchObject({ bytes: 3_000_000, totalBytes: 3_000_000 })
    expect(seen.map(({ bytes }) => bytes)).toEqual(seen.map(({ bytes }) => bytes).toSorted((a, b) => a - b))
  })

  const mega = 1_000_000
  const told = async (lines: string[], totalBytes: number | 'all' | null) => {
    const seen: (number | null)[][] = []
    const printed = `${lines.join('\r')}\nNumber of files: 9\nTotal transferred file size: ${858 * mega} bytes\n`
    await sync(endingWith(0, '', printed), folders(), {
      totalBytes,
      onProgress: (progress) =>
        seen.push([progress.bytes, progress.totalBytes].map((one) => one && one / mega)),
    })
    return seen
  }

  test('tells no share of a source that rsync has not seen as a whole', async () => {
    const lines = [
      '      348000000  51%  200.00MB/s    0:00:01 (xfr#5, ir-chk=1000/2000)',
      '      349000000  51%  200.00MB/s    0:00:01',
      '      350000000  40%  200.00MB/s    0:00:01 (xfr#6, to-chk=900/3000)',
      '      386100000  45%  200.00MB/s    0:00:01',
      '      387000000  45%  200.00MB/s    0:00:01',
    ]
    expect(await told(lines, 'all')).toEqual([
      [348, null],
      [349, null],
      [350, 875],
      [386.1, 858],
      [387, 858],
      [858, 858],
    ])
  })

  test('tells no share where most of the source is there already, unless a forecast has told', async () => {
    const lines = ['       34000000   4%  200.00MB/s    0:00:01 (xfr#5, to-chk=0/2000)']
    expect(await told(lines, null)).toEqual([
      [34, null],
      [858, 858],
    ])
    expect(await told(lines, 858 * mega)).toEqual([
      [34, 858],
      [858, 858],
    ])
  })

  test('keeps what a store that was made with --fake-super knows of owners and modes', async () => {
    const plan = folders()
    fill(plan.from, 'a')
    const [name, value] = ['user.rsync.%stat', '100600 0,0 1000:1000']
    execFileSync('setfattr', ['-n', name, '-v', value, join(plan.from, 'a')])
    await copy(plan)
    const kept = execFileSync('getfattr', ['--only-values', '-n', name, join(plan.to, 'a')])
    expect(String(kept)).toBe(value)
    expect(await copy(plan)).toMatchObject({ unchanged: true })
  })

  test('of a source that is not there fails for good', async () => {
    const plan = folders()
    rmSync(plan.from, { recursive: true })
    const failure = await copy(plan).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TerminalError)
    expect(failure).toMatchObject({
      message: expect.stringMatching(/^rsync could not copy everything: .*No such file or directory/),
      cause: expect.any(CommandError),
    })
  })

  test('onto a target that is no folder fails for good', async () => {
    const plan = folders()
    const failure = await copy({ ...plan, to: '/dev/null' }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TerminalError)
  })

  test.each([
    [23, 'link_stat failed', TerminalError, 'rsync could not copy everything: link_stat failed'],
    [
      11,
      'write failed: No space left on device (28)',
      TerminalError,
      'rsync: error in file I/O (No space left on the target)',
    ],
    [
      11,
      'write failed: Disk quota exceeded (122)',
      TerminalError,
      'rsync: error in file I/O (Disk quota exceeded on the target)',
    ],
    [12, 'connection unexpectedly closed', CommandError, 'connection unexpectedly closed'],
    [30, 'io timeout', CommandError, 'io timeout'],
    [12, 'No space left on device', TerminalError, '(No space left on the target)'],
    [99, 'what?', TerminalError, 'rsync ended with exit code 99: what?'],
  ])('ended by exit code %i after %j fails as it should', async (exitCode, stderr, kind, message) => {
    const failure = await sync(endingWith(exitCode, stderr), folders()).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(kind)
    expect((failure as Error).message).toContain(message)
  })

  test.each([
    [24, 'rsync warning: some files vanished before they could be transferred', 'vanished'],
    [25, 'rsync error: the --max-delete limit stopped deletions (code 25)', 'limited'],
    // 24 masks 25.
    [24, 'Deletions stopped due to --max-delete limit (1 skipped)', 'limited'],
  ])('ended by exit code %i after %j counts as %s', async (exitCode, stderr, kind) => {
    expect(await sync(endingWith(exitCode, stderr), folders())).toMatchObject({ kind })
  })
})

/** A real process in rsync's place, for ends that rsync cannot be brought to at will. */
function endingWith(exitCode: number, stderr: string, stdout = ''): CommandRunner {
  const { runner } = recordingRunner()
  const argv = [
    'sh',
    '-c',
    'echo "$1" >&2; echo "$3"; exit $2',
    'sh',
    stderr,
    String(exitCode),
    stdout,
  ] as const
  return { ...runner, run: (command) => runner.run({ ...command, argv }) }
}

describe('forecast()', () => {
  test('tells what a copy would do, and does nothing', async () => {
    const plan = folders({ maxDelete: 0 })
    fill(plan.from, 'same', 'new')
    fill(plan.to, 'old1', 'old2')
    const stats = await forecast(recordingRunner().runner, plan)
    expect(stats).toEqual({
      files: 3,
      created: 2,
      deleted: 2,
      transferred: 2,
      transferredBytes: 7,
      sizeBytes: 7,
      names: expect.arrayContaining(['old1', 'old2']),
      changedNames: [],
      otherNames: [],
      mirrorRegular: 2,
    })
    expect(readdirSync(plan.to)).toEqual(['old1', 'old2'])
    expect(existsSync(join(plan.to, 'new'))).toBe(false)
  })

  test('agrees with the copy that follows', async () => {
    const plan = folders()
    fill(plan.from, 'a', 'b', 'c')
    fill(plan.to, 'c', 'd')
    writeFileSync(join(plan.to, 'c'), 'older')
    const {
      names,
      changedNames,
      otherNames: _,
      mirrorRegular,
      ...expected
    } = await forecast(recordingRunner().runner, {
      ...plan,
      changes: true,
    })
    expect({ names, changedNames, mirrorRegular }).toEqual({
      names: ['d'],
      changedNames: ['c'],
      mirrorRegular: 2,
    })
    expect((await copy(plan)).stats).toEqual({ ...expected, changed: 1 })
  })

  test('names each file that would get other contents, whatever its name, and none that is new or has other facts alone', async () => {
    const plan = folders({ changes: true })
    const odd = ['Number of files: 7', '>f.st...... x', ' deleting a', 'new\nline', 'back\\#012', 'ÿ']
    fill(plan.from, ...odd, 'new', 'mode')
    for (const name of [...odd, 'mode']) writeFileSync(join(plan.to, name), 'other contents')
    writeFileSync(join(plan.from, 'mode'), 'other contents')
    for (const side of [plan.from, plan.to]) utimesSync(join(side, 'mode'), 1, 1)
    chmodSync(join(plan.from, 'mode'), 0o600)
    mkdirSync(join(plan.from, 'folder'))
    linkSync(join(plan.from, 'new'), join(plan.from, 'linked'))
    symlinkSync('new', join(plan.from, 'symlink'))
    const { changedNames, names, created } = await forecast(recordingRunner().runner, plan)
    expect(changedNames.map((name) => Buffer.from(name, 'latin1').toString()).sort()).toEqual([...odd].sort())
    expect(names).toEqual([])
    expect(created).toBe(4)
  })

  test('names all that would go, folders as such, whatever bytes there are in a name', async () => {
    const plan = folders()
    fill(plan.from, 'was a folder')
    mkdirSync(join(plan.to, 'gone', 'deep'), { recursive: true })
    mkdirSync(join(plan.to, 'was a folder'))
    const bytes = [0xff, 0xfe, 0x0d, 0x1b].map((byte) => Buffer.from([0x61, byte]))
    const names = ['é', 'a\nb', '\\#134', 'deleting x', 'Number of files: 9', ' ']
    for (const name of [...names.map((name) => Buffer.from(name)), ...bytes]) {
      writeFileSync(Buffer.concat([Buffer.from(`${plan.to}/gone/deep/`), name]), '')
    }
    fill(plan.to, 'was a folder/file')
    const found = await forecast(recordingRunner().runner, plan)
    const inDeep = [...names.map((name) => Buffer.from(name)), ...bytes].map((name) =>
      name.toString('latin1'),
    )
    expect(found.names.toSorted()).toEqual(
      ['gone/', 'gone/deep/', 'was a folder/file', ...inDeep.map((name) => `gone/deep/${name}`)].sort(),
    )
    expect(found).toMatchObject({ deleted: found.names.length, files: 2, created: 1 })
  })

  test('counts deletions without comparing contents', async () => {
    const plan = folders()
    fill(plan.from, 'a')
    fill(plan.to, 'b')
    expect(await forecast(recordingRunner().runner, plan)).toMatchObject({ deleted: 1, files: 2, created: 1 })
  })
})

describe('a copy', () => {
  test.each<[what: string, change: (source: string, mirror: string) => void]>([
    ['a content', (source) => writeFileSync(join(source, 'sub', 'a'), 'other')],
    ['a time', (source) => utimesSync(join(source, 'sub', 'a'), 1, 1)],
    ['a mode', (source) => chmodSync(join(source, 'sub', 'a'), 0o600)],
    ['the mode of the source itself', (source) => chmodSync(source, 0o711)],
    [
      'an extended attribute',
      (source) => run('setfattr', '-n', 'user.note', '-v', 'x', join(source, 'sub', 'a')),
    ],
    ['an access list', (source) => run('setfacl', '-m', 'u:1:rwx', join(source, 'sub', 'a'))],
    ['what a folder hands on', (source) => run('setfacl', '-d', '-m', 'u:1:rwx', join(source, 'sub'))],
    ['a name', (source) => renameSync(join(source, 'sub', 'a'), join(source, 'sub', 'z'))],
    ['a hard link', (source) => linkSync(join(source, 'sub', 'a'), join(source, 'sub', 'link'))],
    ['a symbolic link', (source) => relink(join(source, 'symlink'), 'elsewhere')],
    ['a file that is gone', (source) => rmSync(join(source, 'sub', 'b'))],
    ['a mirror with a file more', (_, mirror) => fill(mirror, 'more')],
    ...(isRoot ? [['an owner', (source: string) => chownSync(join(source, 'sub', 'a'), 5, 0)] as const] : []),
    ...(isRoot ? [['a group', (source: string) => chownSync(join(source, 'sub', 'a'), 0, 5)] as const] : []),
  ] as [string, (source: string, mirror: string) => void][])(
    'sees that %s has changed',
    async (_, change) => {
      const plan = equals()
      await copy(plan)
      expect(await copy(plan)).toMatchObject({
        unchanged: true,
        stats: { created: 0, deleted: 0, transferred: 0 },
      })
      const times = timesOfFolders(plan.from)
      change(plan.from, plan.to)
      // What a folder's own time would tell.
      for (const [folder, at] of times) utimesSync(folder, at, at)
      const told: string[] = []
      const outcome = await sync(recordingRunner().runner, plan, { onChange: () => told.push('changed') })
      expect(outcome).toMatchObject({ unchanged: false })
      expect(told).not.toEqual([])
    },
  )

  test('sees by contents alone what has kept its size and time', async () => {
    const plan = equals()
    await copy(plan)
    writeFileSync(join(plan.to, 'sub', 'a'), 'B')
    utimesSync(join(plan.to, 'sub', 'a'), 1_000_000, 1_000_000)
    utimesSync(join(plan.from, 'sub', 'a'), 1_000_000, 1_000_000)
    expect(await copy(plan)).toMatchObject({ unchanged: true })
    expect(await copy({ ...plan, checksum: true })).toMatchObject({ unchanged: false })
  })

  test('of what is excluded sees nothing, on either side', async () => {
    const plan = { ...equals(), exclude: ['/cache/'] }
    for (const folder of [plan.from, plan.to]) mkdirSync(join(folder, 'cache'))
    await copy(plan)
    fill(join(plan.from, 'cache'), 'x')
    fill(join(plan.to, 'cache'), 'y')
    expect(await copy(plan)).toMatchObject({ unchanged: true })
    expect(await copy({ ...plan, exclude: [] })).toMatchObject({ unchanged: false })
  })

  test('that has found nothing to do has done nothing, and leaves nothing to do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(mutations.length - 1), { maxLength: 4 }), async (chosen) => {
        const plan = equals()
        await copy(plan)
        for (const index of chosen) mutations[index]?.(plan.from, plan.to)
        const before = everything(plan.to)
        const outcome = await copy(plan)
        if (outcome.kind === 'done' && outcome.unchanged) expect(everything(plan.to)).toEqual(before)
        // In the mirror they are one file still: rsync gives it what belongs to the one, and next time to the other.
        if (!chosen.includes(linkBroken)) expect(await copy(plan)).toMatchObject({ unchanged: true })
      }),
      { numRuns: 15 },
    )
  })

  test.each([
    ['a warning', 0, 'rsync: something is odd', statistics],
    ['no statistics', 0, '', ''],
    ['an item', 0, '', `.f...p.....\n${statistics}`],
    ['an item of a kind that is not known', 0, '', `?\n${statistics}`],
    ['counts', 0, '', statistics.replace('created files: 0', 'created files: 1')],
  ])('takes %s for a change', async (_, exitCode, stderr, stdout) => {
    expect(await sync(endingWith(exitCode, stderr, stdout), folders())).toMatchObject({ unchanged: false })
  })

  test('of a million changes is told of each, and keeps none of them', async () => {
    const { runner } = recordingRunner()
    const items = 'yes .f...p..... | head -n 1000000'
    const argv = ['sh', '-c', `${items}; printf '%s' "$1"`, 'sh', statistics] as const
    const many: CommandRunner = { ...runner, run: (command) => runner.run({ ...command, argv }) }
    let changes = 0
    const onChange = () => {
      changes += 1
    }
    expect(await sync(many, folders(), { onChange })).toMatchObject({ unchanged: false, stats: { files: 5 } })
    expect(changes).toBe(1_000_000)
  })
})

const isRoot = process.geteuid?.() === 0
const statistics = `
Number of files: 5 (reg: 2, dir: 2, link: 1)
Number of created files: 0
Number of deleted files: 0
Number of regular files transferred: 0
Total transferred file size: 0 bytes
`

function run(program: string, ...words: string[]): void {
  execFileSync(program, words)
}

function relink(path: string, to: string): void {
  rmSync(path)
  symlinkSync(to, path)
}

/** A source with something of everything, which a copy makes its mirror equal to. */
function equals(): SyncPlan {
  const plan = folders()
  mkdirSync(join(plan.from, 'sub'))
  fill(join(plan.from, 'sub'), 'a', 'b')
  linkSync(join(plan.from, 'sub', 'b'), join(plan.from, 'other name of b'))
  symlinkSync('nowhere', join(plan.from, 'symlink'))
  return plan
}

/** What may happen to a source and its mirror between two nights. */
const mutations: ((source: string, mirror: string) => void)[] = [
  (source) => chmodSync(join(source, 'sub'), 0o700),
  (source) => writeFileSync(join(source, 'sub', 'a'), 'longer than before'),
  (source) => rmSync(join(source, 'other name of b'), { force: true }),
  (source) => mkdirSync(join(source, 'folder'), { recursive: true }),
  (source) => run('setfattr', '-n', 'user.note', '-v', 'x', join(source, 'sub', 'b')),
  (source) => run('touch', '-h', join(source, 'symlink')),
  // One file instead of two names, and two files instead of one: rsync sees the first alone.
  (source) => run('ln', '-f', join(source, 'sub', 'a'), join(source, 'sub', 'b')),
  breakLink,
  (_, mirror) => fill(mirror, 'stray'),
  (_, mirror) => run('chmod', '-R', 'a-w', mirror),
]

function breakLink(source: string): void {
  run('sh', '-c', 'cp -p "$1" "$1.new" && mv "$1.new" "$1"', 'sh', join(source, 'sub', 'b'))
}
const linkBroken = mutations.indexOf(breakLink)

function timesOfFolders(root: string): [string, Date][] {
  return [root, join(root, 'sub')].map((folder) => [folder, statSync(folder).mtime])
}

/** Everything below a folder, with the time of change that only the kernel sets. */
function everything(root: string): string {
  return execFileSync('find', [root, '-printf', '%p %i %n %m %U %G %T@ %C@ %l\n'], { encoding: 'utf8' })
}
