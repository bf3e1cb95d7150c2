import { createHash } from 'node:crypto'
import { constants, readFileSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CommandError } from '../../../../runtime/host/command.ts'
import { digestOnDisk, type Reading, readFromDisk } from '../../../../runtime/host/disk-read.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { recordingRunner } from './runner.ts'

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
    expect(await digest(path, { test: { argv: compared, timeoutMs: 10_000 } })).toBe(sha256)
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
    const command = { argv: ['sh', '-c', script], timeoutMs: 10_000 } as const
    const failure = await digest(fileOf(3 * chunk).path, { test: command }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(CommandError)
    expect(failure).toMatchObject({ exitCode: 7 })
  })

  test('tells why it cannot read, and leaves no command behind', async () => {
    const { runner, recorded } = recordingRunner()
    const command = { argv: ['sh', '-c', 'cat >/dev/null; exit 7'], timeoutMs: 10_000 } as const
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
