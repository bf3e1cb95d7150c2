import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chownSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { EarlierArchive } from '../../../../runtime/engine/earlier-archives.ts'
import { TerminalError } from '../../../../runtime/errors.ts'
import { type ArchivePlan, archivePath, temporaryPath } from '../../../../runtime/host/archive-place.ts'
import { createArchives } from '../../../../runtime/host/archives.ts'
import type { CommandRunner } from '../../../../runtime/host/command.ts'
import { Child } from '../../child.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { recordingRunner } from './runner.ts'

const isRoot = process.geteuid?.() === 0
const target = (name: string, path: string) => ({ name, path, mounts: [], parallel: 1 })

/** A mirror with something in it, and where its archive goes. */
function prepare(options: Partial<ArchivePlan> = {}): ArchivePlan {
  const folder = temporaryFolder()
  const from = target('hdd1', join(folder, 'hdd1'))
  const to = target('hdd9', join(folder, 'hdd9'))
  mkdirSync(join(from.path, 'var', 'sub'), { recursive: true })
  mkdirSync(to.path)
  writeFileSync(join(from.path, 'var', 'sub', 'file'), 'content', { mode: 0o640 })
  return { from, source: 'var', to, weekday: 'Thursday', compression: 'zstd', level: 3, ...options }
}

/** Puts last week's archive in its place. */
function lastWeek(plan: ArchivePlan): string {
  const path = archivePath(plan)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, 'last week')
  return path
}

const never = new AbortController().signal
const boots = { current: 'boot', inOrderSince: () => true }
const indexesOf = (plan: ArchivePlan) => join(dirname(plan.to.path), 'indexes')
const open = (plan: ArchivePlan, runner = recordingRunner().runner, signal = never) =>
  createArchives({ runner, signal, boots, indexes: indexesOf(plan) })
const write = async (plan: ArchivePlan, runner?: CommandRunner) =>
  (await open(plan, runner).write(plan, () => {})).archive

/** A runner that does something to the archive between its being written and its being read back. */
function meddling(plan: ArchivePlan, meddle: (path: string) => void): CommandRunner {
  const { runner } = recordingRunner()
  return {
    ...runner,
    // dd is what comes before the reading.
    run(command) {
      meddle(temporaryPath(plan))
      return runner.run(command)
    },
  }
}

function sha256sum(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** Changes one bit. */
function flip(path: string): void {
  const bytes = readFileSync(path)
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

describe('write()', () => {
  test.each([
    ['zstd', 'var.tar.zst'],
    ['gzip', 'var.tar.gz'],
    ['none', 'var.tar'],
  ] as const)('with %s makes %s, which tar can unpack', async (compression, name) => {
    const plan = prepare({ compression, level: undefined })
    const { path, sizeBytes, sha256 } = await write(plan)
    expect(path).toBe(join(plan.to.path, 'Thursday', name))
    expect(statSync(path).size).toBe(sizeBytes)
    expect(sha256sum(path)).toBe(sha256)
    const unpacked = temporaryFolder()
    execFileSync('tar', ['--extract', `--file=${path}`, `--directory=${unpacked}`])
    expect(readFileSync(join(unpacked, 'var', 'sub', 'file'), 'utf8')).toBe('content')
    expect(statSync(join(unpacked, 'var', 'sub', 'file')).mode & 0o777).toBe(0o640)
  })

  test('lets nobody else read it, and leaves nothing beside it', async () => {
    const plan = prepare()
    const { path } = await write(plan)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
    expect(readdirSync(dirname(path))).toEqual(['var.tar.zst'])
  })

  test('takes the place of last week’s, in whatever form that was', async () => {
    const plan = prepare()
    const path = lastWeek(plan)
    lastWeek({ ...plan, compression: 'gzip' })
    writeFileSync(join(dirname(path), 'home.tar.gz'), 'of another source')
    const { sizeBytes } = await write(plan)
    expect(statSync(path).size).toBe(sizeBytes)
    expect(readdirSync(dirname(path))).toEqual(['home.tar.gz', 'var.tar.zst'])
  })

  test('goes over what a crash left of an earlier one', async () => {
    const plan = prepare()
    mkdirSync(dirname(archivePath(plan)))
    writeFileSync(join(dirname(archivePath(plan)), '.var.tar.zst.hdsync-part'), 'torn')
    const { path } = await write(plan)
    expect(readdirSync(dirname(path))).toEqual(['var.tar.zst'])
  })

  test('tells how many bytes it has taken', async () => {
    const plan = prepare({ compression: 'none' })
    writeFileSync(join(plan.from.path, 'var', 'large'), Buffer.alloc(1_000_000, 'x'))
    let bytes = 0
    await open(plan).write(plan, (progress) => {
      expect(progress.bytes).toBeGreaterThanOrEqual(bytes)
      bytes = progress.bytes
    })
    expect(bytes).toBeGreaterThan(1_000_000)
  })
})

test('write() of what comes onto the disk in several steps reads back every one of them', async () => {
  const plan = prepare({ compression: 'none' })
  const large = join(plan.from.path, 'var', 'large')
  writeFileSync(large, Buffer.alloc(140 * 1024 ** 2, 'not all the same '))
  const { path, sha256 } = await write(plan)
  expect(sha256sum(path)).toBe(sha256)
  const unpacked = temporaryFolder()
  execFileSync('tar', ['--extract', `--file=${path}`, `--directory=${unpacked}`])
  expect(sha256sum(join(unpacked, 'var', 'large'))).toBe(sha256sum(large))
})

test('write() is stopped in the middle, and leaves nothing', async () => {
  const plan = prepare()
  for (let n = 0; n < 40; n += 1) {
    writeFileSync(join(plan.from.path, 'var', `large${n}`), randomBytes(500_000))
  }
  const stop = new AbortController()
  const { runner, recorded } = recordingRunner(stop.signal)
  const writing = open(plan, runner, stop.signal).write(plan, () => stop.abort(new Error('stopped')))
  await expect(writing).rejects.toThrow('stopped')
  expect(readdirSync(dirname(archivePath(plan)))).toEqual([])
  expect(recorded.map(({ argv, end }) => [argv[0], end !== undefined])).toEqual([
    ['find', true],
    ['tar', true],
  ])
})

test('tidy() removes what was never finished, and nothing else', async () => {
  const plan = prepare()
  const folder = dirname(lastWeek(plan))
  for (const name of ['.var.tar.zst.hdsync-part', '.hidden', 'my.hdsync-part'])
    writeFileSync(join(folder, name), '')
  await open(plan).tidy(plan.to)
  expect(readdirSync(folder).toSorted()).toEqual(['.hidden', 'my.hdsync-part', 'var.tar.zst'])
})

describe('an archive that fails', () => {
  function expectLastWeek(path: string): void {
    expect(readFileSync(path, 'utf8')).toBe('last week')
    expect(readdirSync(dirname(path))).toEqual([basename(path)])
  }

  test('as there is no mirror leaves last week’s', async () => {
    const plan = prepare()
    const path = lastWeek(plan)
    await expect(write({ ...plan, from: target('hdd1', '/nowhere') })).rejects.toThrow(
      /^find ended with exit code 1: .*No such file/,
    )
    expectLastWeek(path)
  })

  test('as a name in the mirror goes away leaves last week’s', async () => {
    const plan = prepare()
    const path = lastWeek(plan)
    const { runner } = recordingRunner()
    const open: CommandRunner['open'] = (command) => {
      if (command.argv[0] === 'tar') rmSync(join(plan.from.path, 'var', 'sub'), { recursive: true })
      return runner.open(command)
    }
    await expect(write(plan, { ...runner, open })).rejects.toThrow(/^tar ended with exit code 2/)
    expectLastWeek(path)
  })

  test.skipIf(!isRoot)(
    'on a disk that is full leaves last week’s (root alone can make such a disk)',
    async () => {
      const plan = prepare()
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1M', 'hdsync-test', plan.to.path])
      onTestFinished(() => {
        execFileSync('umount', [plan.to.path])
      })
      // More than there is memory for: tar is waiting for some when the disk is full.
      writeFileSync(join(plan.from.path, 'var', 'large'), Buffer.alloc(80_000_000, 'x'))
      const path = lastWeek({ ...plan, compression: 'none' })
      const failure = await write({ ...plan, compression: 'none' }).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(TerminalError)
      expect((failure as Error).message).toMatch(/^cannot write .*ENOSPC/)
      expect(readFileSync(path, 'utf8')).toBe('last week')
      expect(readdirSync(dirname(path))).toEqual(['var.tar'])
    },
  )

  test('to read back as it was written is refused', async () => {
    const plan = prepare({ compression: 'none' })
    const path = lastWeek(plan)
    const failure = await write(plan, meddling(plan, flip)).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TerminalError)
    expect((failure as Error).message).toMatch(/^the archive .* does not read back as it was written$/)
    expect(readFileSync(path, 'utf8')).toBe('last week')
    expect(readdirSync(dirname(path))).toEqual(['var.tar'])
  })

  test('to come onto the disk is refused, although the kernel says so once only', async () => {
    const plan = prepare({ compression: 'none' })
    const path = lastWeek(plan)
    writeFileSync(join(plan.from.path, 'var', 'large'), Buffer.alloc(70 * 1024 ** 2, 'x'))
    const { open: openFile } = fs
    onTestFinished(() => {
      fs.open = openFile
      syncBuiltinESMExports()
    })
    fs.open = async (...words) => {
      const file = await openFile(...words)
      return Object.assign(file, { datasync: () => Promise.reject(new Error('EIO: lost')) })
    }
    syncBuiltinESMExports()
    await expect(write(plan)).rejects.toThrow(/^cannot write .*EIO: lost$/)
    expectLastWeek(path)
  })

  test.each(['zstd', 'gzip'] as const)('to be whole with %s is refused', async (compression) => {
    const plan = prepare({ compression })
    const path = lastWeek(plan)
    const tear = (part: string) => truncateSync(part, statSync(part).size - 20)
    const failure = await write(plan, meddling(plan, tear)).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TerminalError)
    // The reader's own complaint is kept as the cause.
    expect(String((failure as Error).cause)).toContain(compression)
    expect(readFileSync(path, 'utf8')).toBe('last week')
  })

  // The bytes on the disk are those that were to be written, but not even what wrote them can read them.
  test.each(['zstd', 'gzip'] as const)('to be what %s can read is refused', async (compression) => {
    const plan = prepare({ compression })
    const path = lastWeek(plan)
    const { runner } = recordingRunner()
    const refuse = ['sh', '-c', `cat >/dev/null; echo ${compression} cannot read it >&2; exit 1`] as const
    const open: CommandRunner['open'] = (command) =>
      runner.open(command.argv[0] === compression ? { ...command, argv: refuse } : command)
    const failure = await write(plan, { ...runner, open }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TerminalError)
    expect(String((failure as Error).cause)).toContain(`${compression} cannot read it`)
    expectLastWeek(path)
  })
})

describe('reuse()', () => {
  /** An archive of Wednesday's, and what is known of it. */
  async function prepared(options: Partial<ArchivePlan> = {}) {
    const plan = prepare(options)
    const archived = await write({ ...plan, weekday: 'Wednesday' })
    const earlier = { basis: '', ...archived, unchangedSince: '2026-01-07T01:00:00.000Z' }
    return { plan, earlier, path: archivePath(plan), folder: dirname(archivePath(plan)) }
  }
  const reuse = (plan: ArchivePlan, earlier: EarlierArchive[], runner = recordingRunner().runner) =>
    open(plan, runner).reuse(plan, earlier, () => {})

  test.each(['zstd', 'gzip', 'none'] as const)(
    'makes a link of an archive that is %s',
    async (compression) => {
      const { plan, earlier, path, folder } = await prepared({ compression })
      mkdirSync(folder)
      writeFileSync(path, 'last week')
      expect(await reuse(plan, [earlier])).toEqual({
        archive: { ...earlier, path, linkedFrom: earlier.path, file: expect.any(String) },
        damaged: [],
      })
      expect(readFileSync(path)).toEqual(readFileSync(earlier.path))
      expect(readdirSync(folder)).toEqual([basename(path)])
      expect(statSync(path).mode & 0o777).toBe(0o600)
      if (!sharesBlocks(folder)) expect(statSync(path).ino).toBe(statSync(earlier.path).ino)
    },
  )

  test('leaves what is in its place already where it is, under whatever name it is known', async () => {
    const { plan, earlier, path, folder } = await prepared()
    const first = await reuse(plan, [earlier])
    const { ino } = statSync(path)
    // By its other name, as a week later; then by its own, as in a second run of the day.
    const second = await reuse(plan, [earlier])
    if (!sharesBlocks(folder)) expect(statSync(path).ino).toBe(ino)
    expect(second.archive).toMatchObject({ path, linkedFrom: earlier.path })
    const { linkedFrom, ...own } = { linkedFrom: '', ...second.archive, ...earlier, path }
    const third = await reuse(plan, [{ ...own, file: second.archive?.file ?? '' }])
    expect(third.archive).not.toHaveProperty('linkedFrom')
    expect(third.archive).toMatchObject({ path, unchangedSince: earlier.unchangedSince })
    expect([first, second, third].map(({ damaged }) => damaged)).toEqual([[], [], []])
    expect(readdirSync(folder)).toEqual([basename(path)])
  })

  test('of a link keeps the others whole when one is replaced', async () => {
    const { plan, earlier, path } = await prepared()
    await reuse(plan, [earlier])
    const before = readFileSync(earlier.path)
    writeFileSync(join(plan.from.path, 'var', 'sub', 'file'), 'more content')
    await write(plan)
    expect(readFileSync(earlier.path)).toEqual(before)
    expect(sha256sum(path)).not.toBe(earlier.sha256)
  })

  test('removes the other form of last week’s, as writing does', async () => {
    const { plan, earlier, folder } = await prepared()
    mkdirSync(folder)
    writeFileSync(join(folder, 'var.tar.gz'), 'last week')
    await reuse(plan, [earlier])
    expect(readdirSync(folder)).toEqual(['var.tar.zst'])
  })

  test.each<[string, (path: string) => void, RegExp]>([
    ['has another bit', keepingItsTime(flip), /does not read back as it was written$/],
    [
      'has lost its end',
      keepingItsTime((path) => truncateSync(path, statSync(path).size - 1)),
      /it has \d+ of \d+ bytes$/,
    ],
  ])('takes none that %s, and says so', async (_, damage, said) => {
    const { plan, earlier, path, folder } = await prepared()
    mkdirSync(folder)
    writeFileSync(path, 'last week')
    damage(earlier.path)
    const { archive, damaged } = await reuse(plan, [earlier])
    expect(archive).toBeUndefined()
    expect(damaged).toEqual([expect.stringMatching(said)])
    expect(damaged[0]).toMatch(/^the archive \S+Wednesday\/var\.tar\.zst is damaged: /)
    expect(readFileSync(path, 'utf8')).toBe('last week')
    expect(readdirSync(folder)).toEqual(['var.tar.zst'])
  })

  test('reads one that is damaged once, under however many names it is known', async () => {
    const { plan, earlier } = await prepared()
    const tuesday = archivePath({ ...plan, weekday: 'Tuesday' })
    mkdirSync(dirname(tuesday))
    linkSync(earlier.path, tuesday)
    keepingItsTime(flip)(tuesday)
    const { runner, recorded } = recordingRunner()
    const { damaged } = await reuse(plan, [earlier, { ...earlier, path: tuesday }], runner)
    expect(damaged).toHaveLength(1)
    expect(recorded.map(({ argv }) => argv[0])).toEqual(['dd'])
  })

  test('takes an older one where the newest is damaged', async () => {
    const { plan, earlier } = await prepared()
    const older = { ...(await write({ ...plan, weekday: 'Monday' })), basis: earlier.basis }
    keepingItsTime(flip)(earlier.path)
    const result = await reuse(plan, [earlier, { ...older, unchangedSince: '2026-01-05T01:00:00.000Z' }])
    expect(result).toMatchObject({ archive: { linkedFrom: older.path }, damaged: [expect.anything()] })
  })

  test.each<[string, (earlier: EarlierArchive, plan: ArchivePlan) => void]>([
    ['is gone', ({ path }) => rmSync(path)],
    ['was replaced by somebody', ({ path }) => writeFileSync(path, 'their own')],
    [
      'lies on another disk now, where that has something else of this name',
      ({ path }) => {
        cpSync(path, `${path}.new`)
        renameSync(`${path}.new`, path)
      },
    ],
    ['is a link to somewhere', ({ path }) => renameAndLink(path)],
    ['is no archive of this source and target', (earlier) => copyTo(earlier, '/tmp')],
    ['has another form', (_, plan) => Object.assign(plan, { compression: 'gzip' })],
    ['was made in another way', (_, plan) => Object.assign(plan, { level: 19 })],
    ['is of another mirror', (_, { from }) => swap(join(from.path, 'var'))],
    ['is of a mirror to which a copy was begun', (_, { from }) => touchOwner(join(from.path, 'var'))],
  ])('takes none that %s, and finds nothing wrong with that', async (_, happens) => {
    const { plan, earlier } = await prepared()
    happens(earlier, plan)
    expect(await reuse(plan, [earlier])).toEqual({ damaged: [] })
    expect(existsSync(archivePath(plan))).toBe(false)
  })

  test('is stopped while it reads', async () => {
    const { plan, earlier, folder } = await prepared()
    const stop = new AbortController()
    const reading = open(plan, undefined, stop.signal).reuse(plan, [earlier], () =>
      stop.abort(new Error('stopped')),
    )
    await expect(reading).rejects.toThrow('stopped')
    expect(readdirSync(folder)).toEqual([])
  })
})

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
    const words = [what, at, indexesOf(plan), JSON.stringify(plan), JSON.stringify(earlier)]
    return new Child(program, ...words).ended()
  }
})

/** As a disk does it, behind the back of the file system. */
function keepingItsTime(damage: (path: string) => void): (path: string) => void {
  return (path) => {
    execFileSync('touch', ['-r', path, `${path}.time`])
    damage(path)
    execFileSync('touch', ['-r', `${path}.time`, path])
    rmSync(`${path}.time`)
  }
}

function renameAndLink(path: string): void {
  renameSync(path, `${path}.away`)
  symlinkSync(`${path}.away`, path)
}

function copyTo(earlier: { path: string }, folder: string): void {
  earlier.path = join(folder, 'var.tar.zst')
}

/** Another disk with the same on it, taking turns. */
function swap(mirror: string): void {
  cpSync(mirror, `${mirror}.new`, { recursive: true, preserveTimestamps: true })
  renameSync(mirror, `${mirror}.away`)
  renameSync(`${mirror}.new`, mirror)
}

function touchOwner(path: string): void {
  const { uid, gid } = statSync(path)
  chownSync(path, uid, gid)
}

/** Whether the file system of a folder can let two files share their blocks. */
function sharesBlocks(folder: string): boolean {
  const [one, two] = [join(folder, '.one'), join(folder, '.two')]
  writeFileSync(one, 'one')
  try {
    copyFileSync(one, two, constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch {
    return false
  } finally {
    for (const file of [one, two]) rmSync(file, { force: true })
  }
}
