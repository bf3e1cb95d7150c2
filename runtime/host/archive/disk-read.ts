import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { Command, CommandRunner } from '../command/command.ts'
import type { Digesting } from '../proof/piece-digests.ts'
import type { OnDisk } from './on-disk.ts'

const chunkBytes = 4 * 1024 ** 2
/** What a direct read may begin at; the blocks of disks are no larger. */
const blockBytes = 4096
/** So much is looked at before whoever tests it is given more: what is between the two holds no more than that. */
const stepBytes = 128 * 1024

/** What reading a file takes beside its path. */
export interface Reading {
  /** How this process names the file, where its path could lead elsewhere. */
  at?: string
  runner: CommandRunner
  signal: AbortSignal
  /** Reads it too, on its standard input, and has to end well. */
  test?: Command
  /** Tells how much of it can be read, of a file that is still being written. */
  onDisk?: OnDisk
  onRead?: (chunk: Uint8Array) => void
  /** Takes the digest, and those of pieces besides. */
  digests?: Digesting
}

/**
 * Reads a file once, from its disk.
 * @returns Its SHA-256, in hexadecimal digits.
 * @throws {CommandError} What was to test it is not content with it.
 * @throws As `readFromDisk`.
 */
export async function digestOnDisk(
  path: string,
  { at = path, runner, signal, test, onDisk, onRead, digests }: Reading,
): Promise<string> {
  await onDisk?.beyond(0)
  const hash: Digesting = digests ?? createHash('sha256')
  const tester = test && (await runner.open(test))
  tester?.output.resume()
  const step = tester ? stepBytes : chunkBytes
  // One that ends early says why with its exit code.
  tester?.input.on('error', () => {})
  try {
    for await (const chunk of readFromDisk(path, runner, onDisk, at)) {
      const isTaken = tester && taken(tester.input, chunk)
      for (let from = 0; from < chunk.length; from += step) {
        const part = chunk.subarray(from, from + step)
        hash.update(part)
        onRead?.(part)
        if (tester) await setImmediate()
      }
      if (isTaken && !(await isTaken)) break
      signal.throwIfAborted()
    }
    tester?.input.end()
  } catch (error) {
    tester?.input.destroy()
    await tester?.result.catch(() => {})
    throw error
  }
  await tester?.result
  return hash.digest('hex')
}

/** Waits until a chunk is written, as its memory is used again. @returns false when nobody reads any more. */
function taken(input: Writable, chunk: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    input.write(chunk, (error) => resolve(!error))
  })
}

/**
 * Reads a file from its disk, where the page cache would only show what was meant to be written: past the cache, or
 * where its file system cannot do that, after having asked for its pages to be dropped. Each chunk is good until the
 * next one is asked for.
 * @param onDisk Of a file that is still being written; what is on the disk is read while the rest is written.
 * @throws {NodeJS.ErrnoException} It cannot be opened or read; EIO where the disk has lost it.
 * @throws What has made its writer fail.
 * @see open(2), O_DIRECT; dd(1), nocache
 */
export async function* readFromDisk(
  path: string,
  runner: CommandRunner,
  onDisk?: OnDisk,
  at = path,
): AsyncGenerator<Uint8Array> {
  let there = await onDisk?.beyond(0)
  await dropPages(path, runner)
  const buffers = alignedBuffers()
  const { file, isDirect } = await openDirect(path, at, buffers[0])
  let reading: Promise<unknown> | undefined
  try {
    if (onDisk && !isDirect) {
      // Pages can be dropped once they are on the disk, and those at the end of a file that grows are not.
      there = await onDisk.whole()
      await dropPages(path, runner)
    }
    there ??= { bytes: 0, isWhole: true }
    let position = 0
    const read = (into: Uint8Array, end: number) => {
      const left = Math.ceil((end - position) / blockBytes) * blockBytes
      const started = file.read(into, 0, Math.min(into.length, left), position)
      started.catch(() => {})
      reading = started
      return started
    }
    for (;;) {
      const { isWhole } = there
      // Of a file that grows, the last block may be written again.
      const end = isWhole ? (await file.stat()).size : there.bytes - (there.bytes % blockBytes)
      if (end < position) throw new Error(`${path} has lost its end`)
      let next = position < end ? read(buffers[0], end) : undefined
      while (next) {
        const { bytesRead, buffer }: Awaited<typeof next> = await next
        const left = end - position
        const bytes = bytesRead >= left ? left : bytesRead - (bytesRead % blockBytes)
        if (bytes === 0) throw new Error(`${path} ends after ${position} of ${end} bytes`)
        position += bytes
        await runner.readLimit?.after(bytes)
        // The disk goes on while this chunk is looked at.
        next = position < end ? read(buffer === buffers[0] ? buffers[1] : buffers[0], end) : undefined
        yield buffer.subarray(0, bytes)
      }
      if (isWhole || !onDisk) return
      there = await onDisk.beyond(position + blockBytes)
      await dropPages(path, runner)
    }
  } finally {
    await reading?.catch(() => {})
    await file.close()
  }
}

/** Does nothing where it cannot be done. */
async function dropPages(path: string, runner: CommandRunner): Promise<void> {
  const argv = ['dd', `if=${path}`, 'iflag=nocache,nofollow,nonblock', 'count=0', 'status=none'] as const
  await runner.run({ argv, timeoutMs: 600_000, accept: [0, 1] })
}

/**
 * Opens a file to be read past the page cache, where its file system can do that.
 * @param at How this process names it.
 * @param first For a first read: some file systems refuse only that.
 */
export async function openDirect(
  path: string,
  at: string | Buffer,
  first: Uint8Array,
): Promise<{ file: FileHandle; isDirect: boolean }> {
  // Without O_NONBLOCK the open of a FIFO would wait for somebody to write to it.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  let file: FileHandle | undefined
  try {
    file = await open(at, flags | constants.O_DIRECT)
    if (!(await file.stat()).isFile()) throw new Error(`${path} is no regular file`)
    await file.read(first, 0, blockBytes, 0)
    return { file, isDirect: true }
  } catch (error) {
    await file?.close()
    if (!['EINVAL', 'EOPNOTSUPP', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error
    return { file: await open(at, flags), isDirect: false }
  }
}

/** Direct reads go to whole pages alone, and only the memory of a buffer that could be resized begins at one. */
export function alignedBuffers(): [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] {
  const bytes = 2 * chunkBytes
  const buffer = new ArrayBuffer(bytes, { maxByteLength: bytes })
  return [new Uint8Array(buffer, 0, chunkBytes), new Uint8Array(buffer, chunkBytes, chunkBytes)]
}
