import { createHash } from 'node:crypto'
import { appendFileSync, constants, readFileSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { digestOnDisk, type Reading, readFromDisk } from '../../../../../runtime/host/archive/disk-read.ts'
import { OnDisk } from '../../../../../runtime/host/archive/on-disk.ts'
import { CommandError } from '../../../../../runtime/host/command/command.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

const timeoutMs = 60_000
const chunk = 4 * 1024 ** 2
const sizes = [0, 1, 4095, 4096, 4097, chunk - 1, chunk, chunk + 1, 3 * chunk + 123]
const tmpfs = 0x01021994

/** A file of bytes that are all different from their neighbours'. */
function fileOf(size: number): { path: string; sha256: string } {
  const path = join(temporaryFolder(), 'file')
  const bytes = Buffer.alloc(size, Buffer.from(Array.from({ length: 65_521 }, (_, index) => index * 7)))
  writeFileSync(path, bytes, { flush: true })
  return { path, sha256: createHash('sha256').update(bytes).digest('hex') }
}

const digest = (path: string, options: Partial<Reading> = {}) =>
  digestOnDisk(path, {
    runner: recordingRunner().runner,
    signal: new AbortController().signal,
    ...options,
  })

/** As a file system that does not know direct reads: when it is opened, or only when it is read. */
function withoutDirectReads(when: 'open' | 'read', code: string): void {
  const { open } = fs
  onTestFinished(() => {
    fs.open = open
    syncBuiltinESMExports()
  })
  fs.open = async (path, flags, mode) => {
    if (!(Number(flags) & constants.O_DIRECT)) return open(path, flags, mode)
    const refused = Object.assign(new Error(`${code}: refused`), { code })
    if (when === 'open') throw refused
    const file = await open(path, flags, mode)
    return Object.assign(file, { read: () => Promise.reject(refused) })
  }
  syncBuiltinESMExports()
}

describe('digestOnDisk()', () => {
  test.each(sizes)('of %i bytes is that of every one of them', async (size) => {
    const { path, sha256 } = fileOf(size)
    expect(await digest(path)).toBe(sha256)
  })

  test.each(sizes)('hands %i bytes on to a command, unchanged', async (size) => {
    const { path, sha256 } = fileOf(size)
    const compared = ['sh', '-c', 'test "$(sha256sum)" = "$1  -"', 'sh', sha256] as const
    expect(await digest(path, { test: { argv: compared, timeoutMs } })).toBe(sha256)
  })

  test.skipIf(statfsSync(tmpdir()).type === tmpfs)(
    'reads what is on the disk, not the page cache',
    async () => {
      const { path } = fileOf(3 * chunk)
      readFileSync(path)
      const before = bytesRead()
      await digest(path)
      expect(bytesRead() - before).toBeGreaterThanOrEqual(3 * chunk)
    },
  )

  test.each([
    ['opened', 'open', 'EINVAL'],
    ['read', 'read', 'EINVAL'],
    ['read', 'read', 'EOPNOTSUPP'],
  ] as const)('reads a file that cannot be %s past the cache', async (_, when, code) => {
    withoutDirectReads(when, code)
    const { path, sha256 } = fileOf(2 * chunk + 5)
    expect(await digest(path)).toBe(sha256)
  })

  test('does not ask the page cache for what the disk has lost', async () => {
    withoutDirectReads('read', 'EIO')
    await expect(digest(fileOf(5).path)).rejects.toThrow('EIO')
  })

  test.each([
    ['at once', 'exit 7'],
    ['at its end', 'cat >/dev/null; exit 7'],
  ])('fails with a command that fails %s', async (_, script) => {
    const command = { argv: ['sh', '-c', script], timeoutMs } as const
    const failure = await digest(fileOf(3 * chunk).path, { test: command }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(CommandError)
    expect(failure).toMatchObject({ exitCode: 7 })
  })

  test('tells why it cannot read, and leaves no command behind', async () => {
    const { runner, recorded } = recordingRunner()
    const command = { argv: ['sh', '-c', 'cat >/dev/null; exit 7'], timeoutMs } as const
    await expect(digest('/nowhere/file', { runner, test: command })).rejects.toThrow('ENOENT')
    expect(recorded.every(({ end }) => end !== undefined)).toBe(true)
  })

  test('follows no link', async () => {
    const { path } = fileOf(5)
    await fs.symlink(path, `${path}.link`)
    await expect(digest(`${path}.link`)).rejects.toThrow('ELOOP')
  })

  test('stops when it is told to', async () => {
    const stop = new AbortController()
    const reading = digest(fileOf(3 * chunk).path, {
      signal: stop.signal,
      onRead: () => stop.abort(new Error('enough')),
    })
    await expect(reading).rejects.toThrow('enough')
  })
})

describe('digestOnDisk() of a file that is being written', () => {
  const steps = [0, chunk, chunk + 5, 3 * chunk + 4096, 3 * chunk + 4097]

  /** Writes it step by step, each once what was told of the one before has been read. */
  async function readGrowing(size: number) {
    const { path, sha256 } = fileOf(size)
    const bytes = readFileSync(path)
    truncateSync(path, 0)
    const onDisk = new OnDisk()
    const read: number[] = []
    const reading = digest(path, { onDisk, onRead: ({ length }) => read.push(length) })
    for (const [n, from] of steps.entries()) {
      const to = Math.min(steps[n + 1] ?? size, size)
      appendFileSync(path, bytes.subarray(Math.min(from, size), to), { flush: true })
      onDisk.advance(to)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const before = read.reduce((sum, length) => sum + length, 0)
    onDisk.advance(size, true)
    expect(await reading).toBe(sha256)
    return before
  }

  test.each(sizes)('reads %i bytes, once each', async (size) => {
    await readGrowing(size)
  })

  test.skipIf(statfsSync(tmpdir()).type === tmpfs)('does not wait until it is whole', async () => {
    const { path, sha256 } = fileOf(2 * chunk)
    const onDisk = new OnDisk()
    const read: number[] = []
    const reading = digest(path, { onDisk, onRead: ({ length }) => read.push(length) })
    onDisk.advance(chunk)
    await expect.poll(() => read).toEqual([chunk])
    onDisk.advance(2 * chunk, true)
    expect(await reading).toBe(sha256)
  })

  test('waits until it is whole where the page cache cannot be passed', async () => {
    withoutDirectReads('open', 'EINVAL')
    expect(await readGrowing(3 * chunk + 123)).toBe(0)
  })

  test.each(['before it has begun', 'in the middle'])('ends when its writer fails %s', async (when) => {
    const { path } = fileOf(2 * chunk)
    const onDisk = new OnDisk()
    const { runner, recorded } = recordingRunner()
    const command = { argv: ['sh', '-c', 'cat >/dev/null'], timeoutMs } as const
    const reading = digest(path, { onDisk, runner, test: command })
    if (when === 'in the middle') onDisk.advance(chunk)
    setTimeout(() => onDisk.fail(new Error('no space')), 50)
    await expect(reading).rejects.toThrow('no space')
    expect(recorded.every(({ end }) => end !== undefined)).toBe(true)
  })

  test('finds out that it was cut off meanwhile', async () => {
    const { path } = fileOf(2 * chunk)
    const onDisk = new OnDisk()
    const reading = digest(path, { onDisk, onRead: () => truncateSync(path, 10) })
    onDisk.advance(chunk)
    setTimeout(() => onDisk.advance(2 * chunk, true), 100)
    await expect(reading).rejects.toThrow(/has lost its end$|ends after/)
  })
})

test('readFromDisk() of a file that is cut off meanwhile fails', async () => {
  const { path } = fileOf(4 * chunk)
  const { runner } = recordingRunner()
  const read = async () => {
    for await (const _ of readFromDisk(path, runner)) truncateSync(path, 10)
  }
  await expect(read()).rejects.toThrow(/ends after \d+ of \d+ bytes$/)
})

/** From block devices, by this process. @see proc(5), /proc/pid/io */
function bytesRead(): number {
  return Number(/^read_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}
