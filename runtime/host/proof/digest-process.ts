import { createHash, hash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { alignedBuffers, openDirect } from '../archive/disk-read.ts'
import type { Answer, Question } from './digests.ts'
import { type Digesting, PieceDigests } from './piece-digests.ts'

// Reads files past the page cache and tells their SHA-256: a process of its own, so that it can be given a low priority.
// A question is a line on standard input, as is each answer on standard output. See digests.ts.

const buffers = alignedBuffers()
const [buffer] = buffers
/** Where O_DIRECT was refused: the device number of the file system. */
const cached = new Set<number>()

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line) as Question
  const { id } = question
  try {
    tell({ id, ...(await answer(question)) })
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    tell({ id, error: message, ...(code && { code }) })
  }
}

function tell(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

async function answer({ id, at, from = 0, bytes, pieceBytes }: Question): Promise<Omit<Answer, 'id'>> {
  const path = Buffer.from(at, 'base64')
  if (bytes === undefined && pieceBytes === undefined) {
    const small = digestSmall(path)
    if (small) return small
  }
  return digestLarge(path, { from, bytes, pieceBytes }, (read) => tell({ id, read }))
}

/** Of what fits into the buffer. @returns undefined where the file is larger. */
function digestSmall(path: Buffer): Omit<Answer, 'id'> | undefined {
  const fd = openFile(path)
  try {
    const { size } = fstatSync(fd)
    // A whole buffer leaves room to see that nothing follows.
    if (size >= buffer.length) return undefined
    let bytes = 0
    for (let read = -1; read !== 0 && bytes < size; bytes += read) {
      read = readSync(fd, buffer, bytes, buffer.length - bytes, bytes)
    }
    return { sha256: hash('sha256', buffer.subarray(0, bytes)), bytes }
  } finally {
    closeSync(fd)
  }
}

/** For reading past the cache where that can be done, without a new time of access where that is allowed. */
function openFile(path: Buffer): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECT, O_NOATIME } = constants
  // Without O_NONBLOCK the open of a FIFO would wait for somebody to write to it.
  const plain = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
  let refusal: unknown
  for (const flags of [plain | O_DIRECT | O_NOATIME, plain | O_DIRECT, plain | O_NOATIME, plain]) {
    try {
      const fd = openSync(path, flags)
      const stats = fstatSync(fd)
      const isRefused = flags & O_DIRECT && stats.isFile() && !canRead(fd, stats.dev)
      if (stats.isFile() && !isRefused) return fd
      closeSync(fd)
      if (!stats.isFile()) throw new Error('it is no regular file')
    } catch (error) {
      refusal = error
      if (!['EINVAL', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? ''))
        throw error
    }
  }
  throw refusal
}

/** Some file systems refuse only the first direct read. */
function canRead(fd: number, device: number): boolean {
  if (cached.has(device)) return false
  try {
    readSync(fd, buffer, 0, 4096, 0)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
    cached.add(device)
    return false
  }
}

async function digestLarge(
  path: Buffer,
  { from, bytes, pieceBytes }: { from: number; bytes: number | undefined; pieceBytes: number | undefined },
  onRead: (bytes: number) => void,
): Promise<Omit<Answer, 'id'>> {
  const named = path.toString('latin1')
  const { file } = await openDirect(named, path, buffer)
  const pieces = pieceBytes === undefined ? undefined : new PieceDigests(pieceBytes)
  const digests: Digesting = pieces ?? createHash('sha256')
  let read = 0
  try {
    const { size } = await file.stat()
    const end = Math.min(size, bytes === undefined ? size : from + bytes)
    let position = from
    const next = (into: Uint8Array<ArrayBuffer>) => {
      if (position >= end) return undefined
      return file.read(into, 0, into.length, position)
    }
    let reading = next(buffer)
    while (reading) {
      const { bytesRead, buffer: filled }: Awaited<typeof reading> = await reading
      const chunk = filled.subarray(0, Math.min(bytesRead, end - position))
      if (chunk.length === 0) throw new Error(`it ends after ${position} of ${end} bytes`)
      position += chunk.length
      // The disk goes on while this chunk is looked at. A short read would leave the next one at an odd place.
      reading = next(filled === buffers[0] ? buffers[1] : buffers[0])
      reading?.catch(() => {})
      digests.update(chunk)
      read += chunk.length
      onRead(chunk.length)
    }
    const sha256 = digests.digest('hex')
    return { sha256, bytes: read, ...(pieces && { pieces: [...pieces.pieces] }) }
  } finally {
    await file.close()
  }
}
