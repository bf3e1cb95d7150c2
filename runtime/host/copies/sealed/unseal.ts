import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { TerminalError } from '../../../errors.ts'
import type { CommandRunner } from '../../command/command.ts'
import { decryptWith } from './age.ts'
import {
  footerBytes,
  headIn,
  listBytesIn,
  mostChunkBytes,
  type SealedHead,
  sealedMagic,
  sealedVersion,
} from './layout.ts'
import { cipherOf } from './seal.ts'

/** A sealed file, and where the archive that is in it is to be written. */
export interface Unsealing {
  sealed: string
  /** It must not be there. */
  to: string
  identityFile: string
}

const flushBytes = 4 * 1024 ** 2
/** A line of the list is shorter. */
const mostLine = 500

/**
 * Decrypts a sealed archive. Nobody may read what is written before this has ended well: until then nothing has proved it.
 * @returns What the list says of the archive; its SHA-256 is that of all that was written.
 * @throws {TerminalError} The identity is not one of its recipients', or it is not what was sealed.
 */
export async function unseal(
  { sealed, to, identityFile }: Unsealing,
  runner: CommandRunner,
): Promise<SealedHead> {
  await using input = await open(sealed, 'r')
  const { archiveBytes, listAt, listBytes } = await placesIn(input)
  const list = createReadStream(sealed, { start: listAt, end: listAt + listBytes - 1 })
  const lines = linesOf(decryptWith(identityFile, list, runner))
  try {
    const { value: first = '' } = await lines.next()
    const head = headIn(first)
    if (!head) throw changed('its list does not begin as one')
    if (head.sizeBytes !== archiveBytes)
      throw changed(`it has ${archiveBytes} bytes of an archive of ${head.sizeBytes}`)
    const found = await decryptChunks(input, to, lines, archiveBytes)
    if (found !== head.sha256) throw changed('the archive in it is not the one that was encrypted')
    return head
  } finally {
    // Ends age too, which would wait for a reader of the rest.
    await lines.return()
  }
}

async function placesIn(input: FileHandle) {
  const { size } = await input.stat()
  const least = sealedMagic.length + footerBytes
  const magic = size < least ? undefined : await readAt(input, 0, sealedMagic.length)
  if (!magic?.equals(sealedMagic)) throw notThisVersion(magic) ?? changed('it does not begin as one')
  const listBytes = listBytesIn(await readAt(input, size - footerBytes, footerBytes))
  if (!listBytes || listBytes > size - least) throw changed('it does not end as one')
  const listAt = size - footerBytes - listBytes
  return { archiveBytes: listAt - sealedMagic.length, listAt, listBytes }
}

async function decryptChunks(
  input: FileHandle,
  to: string,
  lines: AsyncGenerator<string, void>,
  archiveBytes: number,
): Promise<string> {
  await using output = await open(to, 'wx', 0o600)
  const whole = createHash('sha256')
  let waiting: Buffer[] = []
  let [position, written] = [0, 0]
  const flush = async () => {
    const bytes = Buffer.concat(waiting)
    waiting = []
    written += bytes.length
    whole.update(bytes)
    await output.writeFile(bytes)
  }
  for await (const line of lines) {
    const [, length, key] = /^(\d{1,6}) ([0-9a-f]{64})$/.exec(line) ?? []
    const bytes = Number(length)
    if (key === undefined || bytes < 1 || bytes > mostChunkBytes || position + bytes > archiveBytes)
      throw changed('its list is none of chunks')
    const chunk = await readAt(input, sealedMagic.length + position, bytes)
    waiting.push(cipherOf(Buffer.from(key, 'hex')).update(chunk))
    position += bytes
    if (position - written >= flushBytes) await flush()
  }
  await flush()
  if (position !== archiveBytes) throw changed(`its list has ${position} of ${archiveBytes} bytes`)
  await output.sync()
  return whole.digest('hex')
}

/** Lines without their ends. @throws {TerminalError} One is too long, or the last has no end. */
async function* linesOf(text: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let rest = ''
  for await (const bytes of text) {
    const lines = (rest + bytes.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
    if (rest.length > mostLine) break
  }
  if (rest !== '') throw changed('its list is none of lines')
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(buffer, at, length - at, position + at)
    if (bytesRead === 0) throw changed('it ends too early')
    at += bytesRead
  }
  return buffer
}

function notThisVersion(magic: Buffer | undefined): TerminalError | undefined {
  const [, version] = /^hdsync-sealed (\d)\n$/.exec(magic?.toString('latin1') ?? '') ?? []
  if (version === undefined) return undefined
  return new TerminalError(
    `this encrypted copy is in version ${version} of the format, and this hdsync reads version ${sealedVersion} alone`,
    { hint: 'take the hdsync that wrote it' },
  )
}

function changed(why: string): TerminalError {
  return new TerminalError(`this is not an encrypted copy as hdsync has made it: ${why}`)
}
