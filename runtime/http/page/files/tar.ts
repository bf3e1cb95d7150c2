import { Readable } from 'node:stream'
import type { Entry, PointReader } from '../../../host/points/entry.ts'

const blockBytes = 512

/**
 * A folder of a restore point as a tar archive in the pax format, made while it is sent: nothing is unpacked for it. Devices and
 * sockets are left out; a link is a link, and is not followed.
 * @param path Names in it are below the folder that this one lies in.
 * @see pax(1), ustar interchange format
 */
export function tarOf(reader: PointReader, path: Buffer): Readable {
  return Readable.from(blocks(reader, path), { objectMode: false })
}

async function* blocks(reader: PointReader, path: Buffer): AsyncGenerator<Buffer> {
  const cut = path.lastIndexOf('/') + 1
  const sent = new Set<string>()
  for await (const entry of reader.entries(path)) {
    const type = typeOf(entry, sent)
    if (type === undefined) continue
    const name = entry.path.subarray(cut)
    sent.add(entry.path.toString('latin1'))
    const sizeBytes = type === '0' ? entry.sizeBytes : 0
    const linkTo = type === '1' ? entry.hardLinkTo?.subarray(cut) : type === '2' ? entry.linkTo : undefined
    yield header(
      type === '5' ? Buffer.concat([name.length > 0 ? name : Buffer.from('.'), Buffer.from('/')]) : name,
      type,
      entry,
      sizeBytes,
      linkTo,
    )
    if (sizeBytes === 0) continue
    let left = sizeBytes
    for await (const chunk of reader.read(entry.path)) {
      left -= (chunk as Buffer).length
      yield chunk as Buffer
    }
    // A mirror may change while it is read: a tar that does not fit is broken off, not passed off as whole.
    if (left !== 0) throw new Error('a file has changed while it was read')
    yield Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes)
  }
  yield Buffer.alloc(2 * blockBytes)
}

function typeOf({ type, hardLinkTo }: Entry, sent: ReadonlySet<string>): string | undefined {
  if (type === 'file') return hardLinkTo && sent.has(hardLinkTo.toString('latin1')) ? '1' : '0'
  return { directory: '5', symlink: '2', fifo: '6' }[type as string]
}

/** Everything that may not fit into the fields of 1988 stands in a record of its own before it. */
function header(
  name: Buffer,
  type: string,
  entry: Entry,
  sizeBytes: number,
  linkTo: Buffer | undefined,
): Buffer {
  const records = Buffer.concat([
    record('path', name),
    ...(linkTo ? [record('linkpath', linkTo)] : []),
    record('size', Buffer.from(String(sizeBytes))),
    record('uid', Buffer.from(String(entry.uid))),
    record('gid', Buffer.from(String(entry.gid))),
    record('mtime', Buffer.from(secondsText(entry.mtimeNs))),
  ])
  const padding = Buffer.alloc((blockBytes - (records.length % blockBytes)) % blockBytes)
  return Buffer.concat([
    ustar(Buffer.from('pax'), 'x', 0o644, records.length),
    records,
    padding,
    ustar(name.subarray(0, 100), type, entry.mode & 0o7777, sizeBytes, linkTo?.subarray(0, 100)),
  ])
}

/** Seconds as a decimal number; before 1970 the sign is that of the whole. */
function secondsText(ns: bigint): string {
  const [sign, size] = ns < 0n ? ['-', -ns] : ['', ns]
  return `${sign}${size / 1_000_000_000n}.${String(size % 1_000_000_000n).padStart(9, '0')}`
}

/** `LENGTH key=value\n`, where the length counts itself. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

const largestInField = 8 ** 11 - 1

function ustar(name: Buffer, type: string, mode: number, sizeBytes: number, linkTo?: Buffer): Buffer {
  const block = Buffer.alloc(blockBytes)
  const octal = (value: number, at: number, digits: number) =>
    block.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1')
  name.copy(block, 0)
  octal(mode, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(Math.min(sizeBytes, largestInField), 124, 11)
  octal(0, 136, 11)
  block.write('        ', 148, 'latin1')
  block.write(type, 156, 'latin1')
  linkTo?.copy(block, 157)
  block.write('ustar\x0000', 257, 'latin1')
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  )
  block.write(' ', 155, 'latin1')
  return block
}
