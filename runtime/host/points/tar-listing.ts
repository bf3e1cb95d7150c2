import type { Entry, EntryType } from './entry.ts'

/** How `tar --list` is to speak, so that {@link entryOfLine} understands it. */
export const listingOptions = [
  '--verbose',
  '--full-time',
  '--utc',
  '--numeric-owner',
  '--quoting-style=c',
] as const

/** `-rw-r--r-- 0/0 1234 2026-11-29 09:00:20.318062828 "var/a"`; a device has `8,1` in place of the size. */
const line =
  /^(.)([rwxsStT-]{9})[.+@]? (\d+)\/(\d+) +(\d+)(?:,\d+)? (-?\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))? +"((?:[^"\\]|\\.)*)"(?: (?:->|link to) "((?:[^"\\]|\\.)*)")?$/

const types: Readonly<Record<string, EntryType>> = {
  '-': 'file',
  C: 'file',
  // A further name of what comes earlier; which type that has, is looked up there.
  h: 'file',
  d: 'directory',
  l: 'symlink',
  p: 'fifo',
  b: 'block-device',
  c: 'character-device',
}

/** A member of an archive. Its path is as it stands there: nothing is proven of it. */
export type Member = Entry

/**
 * Reads a line of `tar --list` in the C locale.
 * @returns undefined for a member of a type that holds nothing of a source.
 * @throws {Error} It is no such line.
 */
export function memberOf(text: string): Member | undefined {
  const match = line.exec(text)
  if (!match) throw new Error(`tar has listed what is no member: ${text.slice(0, 200)}`)
  const [, kind = '', bits = '', uid, gid, size] = match
  const [year, month, day, hour, minute, second] = match.slice(6, 12).map(Number)
  const [fraction = '', name = '', link] = match.slice(12)
  const type = types[kind]
  if (!type) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year ?? 0, (month ?? 1) - 1, day)
  const ms = date.setUTCHours(hour ?? 0, minute ?? 0, second ?? 0)
  return {
    path: withoutSlash(unquoted(name)),
    type,
    sizeBytes: type === 'file' ? Number(size) : 0,
    mtimeNs: BigInt(ms) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0')),
    mode: modeOf(bits),
    uid: Number(uid),
    gid: Number(gid),
    ...(kind === 'l' && { linkTo: unquoted(link ?? '') }),
    ...(kind === 'h' && { hardLinkTo: unquoted(link ?? '') }),
  }
}

function withoutSlash(path: Buffer): Buffer {
  let length = path.length
  while (length > 1 && path[length - 1] === 0x2f) length -= 1
  return path.subarray(0, length)
}

/** `rwsr-x--T`: `s` and `t` stand for the bit and `x`, `S` and `T` for the bit alone. */
function modeOf(bits: string): number {
  let mode = 0
  for (const [index, bit] of [...bits].entries()) {
    if ('rwxst'.includes(bit)) mode |= 1 << (8 - index)
    if ('sStT'.includes(bit)) mode |= [0o4000, 0o2000, 0o1000][Math.floor(index / 3)] ?? 0
  }
  return mode
}

const escapes: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 }

/** The bytes that a quoted string of C stands for. */
function unquoted(text: string): Buffer {
  const characters = text.replace(/\\(?:([0-7]{1,3})|(.))/g, (_, octal?: string, letter = '') =>
    String.fromCharCode(
      octal === undefined ? (escapes[letter] ?? letter.charCodeAt(0)) : Number.parseInt(octal, 8),
    ),
  )
  return Buffer.from(characters, 'latin1')
}
