import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import type { Command, CommandRunner } from './command.ts'

const chunkBytes = 4 * 1024 ** 2
/** What a direct read may begin at; the blocks of disks are no larger. */
const blockBytes = 4096
const pageBytes = 65_536
/** Node has it; its types are those of browsers. */
const { WebAssembly: wasm } = globalThis as unknown as {
  WebAssembly: { Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer } }
}

/** What reading a file takes beside its path. */
export interface Reading {
  runner: CommandRunner
  signal: AbortSignal
  /** Reads it too, on its standard input, and has to end well. */
  test?: Command
  onRead?: (chunk: Uint8Array) => void
}

/**
 * Reads a file once, from its disk.
 * @returns Its SHA-256, in hexadecimal digits.
 * @throws {CommandError} What was to test it is not content with it.
 * @throws As `readFromDisk`.
 */
export async function digestOnDisk(path: string, { runner, signal, test, onRead }: Reading): Promise<string> {
  const hash = createHash('sha256')
  const tester = test && (await runner.open(test))
  tester?.output.resume()
  // One that ends early says why with its exit code.
  tester?.input.on('error', () => {})
  try {
    for await (const chunk of readFromDisk(path, runner)) {
      hash.update(chunk)
      onRead?.(chunk)
      if (tester && !(await taken(tester.input, chunk))) break
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
 * @throws {NodeJS.ErrnoException} It cannot be opened or read; EIO where the disk has lost it.
 * @see open(2), O_DIRECT; dd(1), nocache
 */
export async function* readFromDisk(path: string, runner: CommandRunner): AsyncGenerator<Uint8Array> {
  // Does nothing where it cannot be done.
  const argv = ['dd', `if=${path}`, 'iflag=nocache', 'count=0', 'status=none'] as const
  await runner.run({ argv, timeoutMs: 600_000, accept: [0, 1] })
  const buffers = alignedBuffers()
  const file = await openDirect(path, buffers[0])
  let reading: Promise<unknown> | undefined
  try {
    const { size } = await file.stat()
    let position = 0
    const read = (into: Uint8Array) => {
      const started = file.read(into, 0, into.length, position)
      started.catch(() => {})
      reading = started
      return started
    }
    let next = read(buffers[0])
    while (position < size) {
      const { bytesRead, buffer } = await next
      const ended = position + bytesRead >= size
      const bytes = ended ? bytesRead : bytesRead - (bytesRead % blockBytes)
      if (bytes === 0) throw new Error(`${path} ends after ${position} of ${size} bytes`)
      position += bytes
      // The disk goes on while this chunk is looked at.
      if (!ended) next = read(buffer === buffers[0] ? buffers[1] : buffers[0])
      yield buffer.subarray(0, bytes)
    }
  } finally {
    await reading?.catch(() => {})
    await file.close()
  }
}

/** @param trial For a first read: some file systems refuse only that. */
async function openDirect(path: string, trial: Uint8Array): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW
  let file: FileHandle | undefined
  try {
    file = await open(path, flags | constants.O_DIRECT)
    await file.read(trial, 0, blockBytes, 0)
    return file
  } catch (error) {
    await file?.close()
    if (!['EINVAL', 'EOPNOTSUPP', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error
    return open(path, flags)
  }
}

/**
 * Direct reads go to whole pages alone, and of all that can be had here only the memory of WebAssembly begins at one.
 * Where that cannot be had (it takes much address space), direct reads will be refused.
 */
function alignedBuffers(): [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] {
  const pages = (2 * chunkBytes) / pageBytes
  let buffer: ArrayBuffer
  try {
    buffer = new wasm.Memory({ initial: pages, maximum: pages }).buffer
  } catch {
    buffer = new ArrayBuffer(2 * chunkBytes)
  }
  return [new Uint8Array(buffer, 0, chunkBytes), new Uint8Array(buffer, chunkBytes, chunkBytes)]
}
