import { createCipheriv, createHash } from 'node:crypto'
import { constants, createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, open, statfs } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Target } from '../../../config/config.ts'
import { TerminalError } from '../../../errors.ts'
import type { Progress } from '../../../progress.ts'
import { formatBytes } from '../../../units.ts'
import { archiveFile } from '../../archive/archive-file.ts'
import { meter } from '../../archive/meter.ts'
import { frameLengths } from '../../archive/pieces/pieces.ts'
import { Shelf } from '../../archive/shelf.ts'
import type { CommandRunner } from '../../command/command.ts'
import { digestOf } from '../../proof/digest.ts'
import type { Folder } from '../../target/safe-open.ts'
import { ChunkCutter } from './chunk-cutter.ts'
import { ChunkKeys, footerOf, headLine, type Origin, sealedMagic } from './layout.ts'
import { ListWriter } from './list-writer.ts'
import {
  listName,
  partName,
  type SealedThere,
  sealedFolder,
  sealedName,
  sealedShelf,
  sealedThere,
} from './sealed-files.ts'

/** An archive to be sealed for a place. */
export interface Sealing extends Origin {
  from: Target
  path: string
  /** Which file stands there; see `archiveFile`. */
  file: string
  sizeBytes: number
  /** Of the archive. */
  sha256: string
  /** The name of the copy. */
  place: string
  recipientsFile: string
  /** The fingerprint of `recipientsIn`. */
  recipients: string
  /** See `chunkSecret`. */
  secret: Buffer
}

interface Tools {
  runner: CommandRunner
  signal: AbortSignal
  onProgress: (progress: Progress) => void
}

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
const readBytes = 4 * 1024 ** 2
/** What stays free beside it. */
const spareBytes = 64 * 1024 ** 2

/**
 * Writes an archive encrypted into the folder of sealed files on its own disk, from where it is sent: whole, or not at all. One
 * that is there and whole is taken.
 * @throws {TerminalError} There is no room, age(1) cannot encrypt, or the archive is not what was written.
 */
export async function sealArchive(sealing: Sealing, tools: Tools): Promise<SealedThere> {
  const { from, path, file, sizeBytes, place, sha256: archive, recipients } = sealing
  const wanted = { place, archive, recipients }
  using shelf = new Shelf(from)
  const there = await sealedThere(from, wanted)
  if (there && (await digestOf(createReadStream(shelf.at(there.path)))) === there.sha256) return there
  if ((await archiveFile(shelf.at(path)))?.file !== file)
    throw new TerminalError(`${path} is another archive by now`)
  const folder = sealedShelf(shelf)
  const rest = [partName(wanted), listName(wanted)]
  const removeRest = () => {
    for (const name of rest) folder.remove(name)
  }
  removeRest()
  // It has rotted.
  if (there) folder.remove(basename(there.path))
  await proveRoom(from, sizeBytes)
  try {
    await writeSealed({ shelf, folder }, sealing, tools)
  } catch (error) {
    throw whyNotWritten(error, sealing)
  } finally {
    removeRest()
  }
  const written = await sealedThere(from, wanted)
  if (written) return written
  throw new TerminalError(`what was encrypted of ${path} is gone`)
}

async function writeSealed(
  { shelf, folder }: { shelf: Shelf; folder: Folder },
  sealing: Sealing,
  tools: Tools,
): Promise<void> {
  const { path, place, sha256: archive, recipients } = sealing
  const [part, list] = [partName({ place, archive }), listName({ place, archive })]
  await using input = await open(shelf.at(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  await using output = new Sealed(await folder.create(part, 0o600))
  const encrypted = createWriteStream(folder.name(list), { flags: 'wx', mode: 0o600 })
  using lines = await ListWriter.to(sealing.recipientsFile, encrypted, tools.runner)
  await lines.add(headLine(sealing))
  await output.write(sealedMagic)
  const found = await sealChunks(input, sealing, { ...tools, output, lines })
  await lines.end()
  if (found !== archive)
    throw new TerminalError(`${path} is not what was written: hdsync verify --all tells more`)
  await appendList(folder, list, output)
  folder.rename(part, sealedName({ place, archive, recipients }, { sha256: await output.finish() }))
}

function whyNotWritten(error: unknown, { from: { name, path }, path: archive }: Sealing): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
  return new TerminalError(
    `target ${name} is full: ${archive} does not fit into ${path}/${sealedFolder} a second time, encrypted`,
    {
      hint: 'it is written there before it is sent, and removed once the vault has it; make room there',
      cause: error,
    },
  )
}

/** @returns The SHA-256 of what was read. */
async function sealChunks(
  input: FileHandle,
  { sizeBytes, secret, recipients }: Sealing,
  { output, lines, signal, onProgress }: Tools & { output: Sealed; lines: ListWriter },
): Promise<string> {
  const keys = new ChunkKeys(secret, recipients)
  const cutter = new ChunkCutter(keys.gear(), (await frameLengths(input)) ?? [])
  const whole = createHash('sha256')
  const passed = meter(sizeBytes, onProgress)
  let pending: Buffer[] = []
  const chunkEnds = async () => {
    const chunk = Buffer.concat(pending)
    pending = []
    if (chunk.length === 0) return
    const key = keys.keyOf(chunk)
    await lines.add(`${chunk.length} ${key.toString('hex')}\n`)
    await output.write(cipherOf(key).update(chunk))
  }
  for (let position = 0; position < sizeBytes; ) {
    signal.throwIfAborted()
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, sizeBytes - position))
    const { bytesRead } = await input.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) break
    const bytes = buffer.subarray(0, bytesRead)
    whole.update(bytes)
    let from = 0
    for (const end of cutter.ends(bytes)) {
      pending.push(bytes.subarray(from, end))
      await chunkEnds()
      from = end
    }
    pending.push(bytes.subarray(from))
    position += bytesRead
    passed(bytes)
  }
  await chunkEnds()
  return whole.digest('hex')
}

/** A key encrypts one chunk alone: the counter may begin at 0. */
export function cipherOf(key: Buffer) {
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
}

async function appendList(folder: Folder, list: string, output: Sealed): Promise<void> {
  let listBytes = 0
  for await (const bytes of createReadStream(folder.name(list)) as AsyncIterable<Buffer>) {
    listBytes += bytes.length
    await output.write(bytes)
  }
  await output.write(footerOf(listBytes))
}

async function proveRoom({ path, name }: Target, sizeBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(path)
  // The list takes more than that only where nearly all files are of a few hundred bytes.
  const wanted = sizeBytes + Math.ceil(sizeBytes / 25)
  const free = bavail * bsize
  if (free >= wanted + spareBytes) return
  throw new TerminalError(
    `target ${name} is full: an archive is written encrypted there before it is sent, which takes ${formatBytes(wanted)}, and ${formatBytes(free)} are free`,
    { hint: 'it is removed once the vault has it; make room there' },
  )
}

/** The sealed file as it is written. */
class Sealed implements AsyncDisposable {
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  #waiting: Buffer[] = []
  #waitingBytes = 0

  constructor(file: FileHandle) {
    this.#file = file
  }

  async write(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes)
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes >= readBytes) await this.#flush()
  }

  /** Brings it onto the disk: a torn one would be sent again and again. @returns Its SHA-256. */
  async finish(): Promise<string> {
    await this.#flush()
    await this.#file.sync()
    return this.#hash.digest('hex')
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    await this.#file.writeFile(bytes)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.close()
  }
}
