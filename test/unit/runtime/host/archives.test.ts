import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { TerminalError } from '../../../../runtime/errors.ts'
import { type ArchivePlan, archivePath, createArchives } from '../../../../runtime/host/archives.ts'
import type { CommandRunner } from '../../../../runtime/host/command.ts'
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

const write = (plan: ArchivePlan, runner = recordingRunner().runner) =>
  createArchives(runner).write(plan, () => {})

/** A runner that does something to the archive between its being written and its being read back. */
function meddling(plan: ArchivePlan, meddle: (path: string) => void): CommandRunner {
  const { runner } = recordingRunner()
  let written = false
  return {
    ...runner,
    pipe(commands, sink) {
      const folder = dirname(archivePath(plan))
      const part = readdirSync(folder).find((name) => name.endsWith('.hdsync-part'))
      if (written && part) meddle(join(folder, part))
      written = true
      return runner.pipe(commands, sink)
    },
  }
}

describe('write()', () => {
  test.each([
    ['zstd', 'var.tar.zst'],
    ['gzip', 'var.tar.gz'],
    ['none', 'var.tar'],
  ] as const)('with %s makes %s, which tar can unpack', async (compression, name) => {
    const plan = prepare({ compression, level: undefined })
    const { path, sizeBytes } = await write(plan)
    expect(path).toBe(join(plan.to.path, 'Thursday', name))
    expect(statSync(path).size).toBe(sizeBytes)
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
    const plan = prepare()
    writeFileSync(join(plan.from.path, 'var', 'large'), Buffer.alloc(1_000_000, 'x'))
    let bytes = 0
    await createArchives(recordingRunner().runner).write(plan, (progress) => {
      expect(progress.bytes).toBeGreaterThan(bytes)
      bytes = progress.bytes
    })
    expect(bytes).toBeGreaterThan(1_000_000)
  })
})

test('tidy() removes what was never finished, and nothing else', async () => {
  const plan = prepare()
  const folder = dirname(lastWeek(plan))
  for (const name of ['.var.tar.zst.hdsync-part', '.hidden', 'my.hdsync-part'])
    writeFileSync(join(folder, name), '')
  await createArchives(recordingRunner().runner).tidy(plan.to)
  expect(readdirSync(folder).toSorted()).toEqual(['.hidden', 'my.hdsync-part', 'var.tar.zst'])
})

describe('an archive that fails', () => {
  function expectLastWeek(path: string): void {
    expect(readFileSync(path, 'utf8')).toBe('last week')
    expect(readdirSync(dirname(path))).toEqual(['var.tar.zst'])
  }

  test('in tar leaves last week’s', async () => {
    const plan = prepare()
    const path = lastWeek(plan)
    await expect(write({ ...plan, from: target('hdd1', '/nowhere') })).rejects.toThrow(
      /^tar ended with exit code 2/,
    )
    expectLastWeek(path)
  })

  test('in the compressor leaves last week’s', async () => {
    const plan = prepare()
    const path = lastWeek(plan)
    const { runner } = recordingRunner()
    const killed = { argv: ['sh', '-c', 'kill -KILL $$'], timeoutMs: 1000 } as const
    const pipe: CommandRunner['pipe'] = ([tar], sink) => runner.pipe([tar, killed], sink)
    await expect(write(plan, { ...runner, pipe })).rejects.toThrow('sh was ended by SIGKILL')
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
      writeFileSync(join(plan.from.path, 'var', 'large'), Buffer.alloc(4_000_000, 'x'))
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
    const flip = (part: string) => {
      const bytes = readFileSync(part)
      bytes[1000] = (bytes[1000] ?? 0) ^ 1
      writeFileSync(part, bytes)
    }
    const failure = await write(plan, meddling(plan, flip)).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TerminalError)
    expect((failure as Error).message).toMatch(/^the archive .* does not read back as it was written$/)
    expect(readFileSync(path, 'utf8')).toBe('last week')
    expect(readdirSync(dirname(path))).toEqual(['var.tar'])
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
})
