import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  lstatSync,
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
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { TerminalError } from '../../../../../runtime/errors.ts'
import {
  type ArchivePlan,
  archivePath,
  temporaryPath,
} from '../../../../../runtime/host/archive/archive-place.ts'
import type { CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { flip, lastWeek, open, prepare, sha256sum, write } from '../archive-plans.ts'
import { recordingRunner } from '../runner.ts'

const isRoot = process.geteuid?.() === 0

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

  test('packs the same mirror to the same bytes, whenever that is read', async () => {
    const plan = prepare({ compression: 'none' })
    const read = (year: string) => {
      // It sets the time of change too, so that nothing is taken from the first one.
      for (const name of ['var/sub/file', 'var/sub', 'var'])
        utimesSync(join(plan.from.path, name), new Date(year), new Date('2019-02-03T04:05:06.789Z'))
    }
    read('2020')
    const { sha256 } = await write(plan)
    read('2021')
    expect((await write({ ...plan, weekday: 'Friday' })).sha256).toBe(sha256)
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
  writeFileSync(large, Buffer.alloc(200 * 1024 ** 2, 'not all the same '))
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

test('tidy() leaves what cannot be removed, a folder above all, and says so', async () => {
  const plan = prepare()
  const folder = dirname(lastWeek(plan))
  const inTheWay = join(folder, '.var.hdsync-part')
  mkdirSync(inTheWay)
  writeFileSync(join(inTheWay, 'mine'), '')
  symlinkSync(join(inTheWay, 'mine'), join(folder, '.link.hdsync-part'))
  writeFileSync(join(plan.to.path, 'Monday'), 'no folder')
  expect(await open(plan).tidy(plan.to)).toEqual([
    expect.stringContaining('cannot be looked through'),
    expect.stringContaining(
      `${inTheWay} is named like a half-written archive, but is a folder: move it away`,
    ),
  ])
  expect(readdirSync(folder).toSorted()).toEqual(['.var.hdsync-part', 'var.tar.zst'])
  expect(readdirSync(inTheWay)).toEqual(['mine'])
})

describe('an archive that fails', () => {
  function expectLastWeek(path: string): void {
    expect(readFileSync(path, 'utf8')).toBe('last week')
    expect(readdirSync(dirname(path))).toEqual([basename(path)])
  }

  test('as there is no mirror leaves last week’s', async () => {
    const plan = prepare()
    const path = lastWeek(plan)
    await expect(write({ ...plan, from: { ...plan.from, path: '/nowhere' } })).rejects.toThrow(
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
      runner.open(command.argv[0] === compression ? { ...command, argv: refuse, manner: [] } : command)
    const failure = await write(plan, { ...runner, open }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TerminalError)
    expect(String((failure as Error).cause)).toContain(`${compression} cannot read it`)
    expectLastWeek(path)
  })
})

describe('what lies in the way of an archive', () => {
  test('a weekday folder that is a link is refused, and nothing is written where it leads', async () => {
    const plan = prepare()
    const outside = temporaryFolder()
    symlinkSync(outside, join(plan.to.path, plan.weekday))
    await expect(write(plan)).rejects.toThrow(
      `${plan.to.path}/Thursday is a link to ${outside}: hdsync follows`,
    )
    expect(await open(plan).tidy(plan.to)).toEqual([expect.stringContaining('is a link to')])
    expect(readdirSync(outside)).toEqual([])
  })

  test('links in the place of an archive and of its first form are replaced, not followed', async () => {
    const plan = prepare()
    const outside = join(temporaryFolder(), 'passwd')
    writeFileSync(outside, 'mine')
    const path = archivePath(plan)
    mkdirSync(dirname(path))
    for (const at of [path, temporaryPath(plan)]) symlinkSync(outside, at)
    await write(plan)
    expect(readFileSync(outside, 'utf8')).toBe('mine')
    expect(lstatSync(path).isFile()).toBe(true)
    expect(readdirSync(dirname(path))).toEqual(['var.tar.zst'])
  })

  test('a folder that is put in the place of the opened one meanwhile gets nothing', async () => {
    const plan = prepare()
    const outside = temporaryFolder()
    const day = dirname(archivePath(plan))
    const { runner } = recordingRunner()
    const swapping: CommandRunner = {
      ...runner,
      open(command) {
        if (existsSync(day) && !existsSync(`${day}.old`)) {
          renameSync(day, `${day}.old`)
          symlinkSync(outside, day)
        }
        return runner.open(command)
      },
    }
    await write(plan, swapping).catch(() => {})
    expect(readdirSync(outside)).toEqual([])
  })
})

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
