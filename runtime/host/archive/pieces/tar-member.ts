import { hash } from 'node:crypto'
import type { EntryType } from '../../points/entry.ts'

/** What a tar archive tells of one of its members. */
export interface Member {
  /** As it stands in the archive, without a `/` at its end. */
  name: Buffer
  type: EntryType
  /** What a reader of a regular file gets, holes included; 0 for all else, and for a further hard link. */
  sizeBytes: number
  /** Nanoseconds since the epoch. */
  mtimeNs: bigint
  /** The permission bits: 0 to 0o7777. */
  mode: number
  uid: number
  gid: number
  /** What a symbolic link contains. */
  linkTo?: Buffer
  /** The member that holds the contents of this file, which is a further hard link of it. */
  hardLinkTo?: Buffer
  /** Of the contents of a regular file. Unknown where its holes are too large to be read through. */
  sha256?: Buffer
  /** Tells its ACLs and extended attributes from others; undefined where it has none. */
  attributes?: Buffer
}

/** The records of an extended header, by their names. @see pax(1), "pax Extended Header" */
export type Records = ReadonlyMap<string, Buffer>

const types: Record<string, EntryType> = {
  '0': 'file',
  '\0': 'file',
  '1': 'file',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
}

/**
 * A member without what only its body tells.
 * @param header 512 bytes.
 * @returns undefined where it is none that a file comes from.
 */
export function memberOf(header: Buffer, records: Records): Member | undefined {
  const flag = String.fromCharCode(header[156] ?? 0)
  const type = types[flag]
  if (!type) return undefined
  const link = records.get('linkpath') ?? fieldOf(header, 157, 100)
  const attributes = attributesOf(records)
  const isContents = type === 'file' && flag !== '1'
  return {
    name: nameOf(header, records),
    type,
    sizeBytes: isContents ? (decimal(records, 'GNU.sparse.realsize') ?? bodyBytes(header, records)) : 0,
    mtimeNs: mtimeOf(header, records),
    mode: numberIn(header, 100, 8) & 0o7777,
    uid: decimal(records, 'uid') ?? numberIn(header, 108, 8),
    gid: decimal(records, 'gid') ?? numberIn(header, 116, 8),
    ...(type === 'symlink' && { linkTo: link }),
    ...(flag === '1' && { hardLinkTo: link }),
    ...(attributes && { attributes }),
  }
}

/** How many bytes of a body follow a header. */
export function bodyBytes(header: Buffer, records: Records): number {
  return decimal(records, 'size') ?? numberIn(header, 124, 12)
}

/** The records of an extended header's body, each of which is `LENGTH KEY=VALUE\n`. */
export function recordsIn(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>()
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at)
    const equals = body.indexOf(0x3d, space + 1)
    const length = space < 0 ? 0 : Number.parseInt(body.toString('latin1', at, space), 10)
    if (!(length > 0) || equals < 0 || at + length > body.length) break
    records.set(body.toString('utf8', space + 1, equals), body.subarray(equals + 1, at + length - 1))
    at += length
  }
  return records
}

/** In octal digits, or where those are too few in base 256. @see tar(5) */
export function numberIn(header: Buffer, from: number, length: number): number {
  if ((header[from] ?? 0) & 0x80)
    return Number(BigInt(`0x${header.toString('hex', from + 1, from + length)}`))
  return Number.parseInt(header.toString('latin1', from, from + length), 8) || 0
}

/** GNU tar writes a sparse file under another name, and the right one beside it. */
function nameOf(header: Buffer, records: Records): Buffer {
  const own = records.get('GNU.sparse.name') ?? records.get('path')
  const prefix = own ? undefined : fieldOf(header, 345, 155)
  const name = own ?? fieldOf(header, 0, 100)
  const whole = prefix && prefix.length > 0 ? Buffer.concat([prefix, Buffer.from('/'), name]) : name
  return whole.at(-1) === 0x2f ? whole.subarray(0, -1) : whole
}

/** A copy, as the header's memory is used again. */
function fieldOf(header: Buffer, from: number, length: number): Buffer {
  const end = header.indexOf(0, from)
  return Buffer.from(header.subarray(from, end < 0 || end > from + length ? from + length : end))
}

function decimal(records: Records, key: string): number | undefined {
  const value = records.get(key)
  return value && Number(value.toString('latin1'))
}

/** `SECONDS[.FRACTION]`, which may be negative. */
function mtimeOf(header: Buffer, records: Records): bigint {
  const text = records.get('mtime')?.toString('latin1')
  if (text === undefined) return BigInt(numberIn(header, 136, 12)) * 1_000_000_000n
  const [, sign, seconds, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  if (seconds === undefined) return 0n
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
  return sign ? -ns : ns
}

const attributeBytes = 8

function attributesOf(records: Records): Buffer | undefined {
  let found: [string, Buffer][] | undefined
  for (const [key, value] of records) {
    if (key.startsWith('SCHILY.') || key.startsWith('RHT.')) {
      found ??= []
      found.push([key, value])
    }
  }
  if (!found) return undefined
  const text = found.map(([key, value]) => `${key}=${value.toString('latin1')}\n`).sort()
  return hash('sha256', text.join(''), 'buffer').subarray(0, attributeBytes)
}
