import { lstat, open } from 'node:fs/promises'
import { TerminalError } from '../../errors.ts'
import { listLine } from './rsync-argv.ts'

/** File systems round times down, FAT to two seconds. */
const granuleMs = 2_000
/** How many names are looked at side by side. */
const atOnce = 64

/** The two sides of a copy. */
export interface Sides {
  from: string
  to: string
}

/**
 * Writes a list of those files that have the same size and time on both sides: rsync takes them for equal, whatever is in
 * them. Where size or time differ, or one side has no such file, rsync sees that by itself.
 * @param names Names that each end with a NUL. They are bytes: not every name is UTF-8.
 * @param file The list, for rsync(1), --files-from; without such files it is not made.
 * @returns How many there are.
 * @throws {TerminalError} There is no room for the list.
 */
export async function listAlike(
  names: readonly Uint8Array[],
  { from, to }: Sides,
  file: string,
): Promise<number> {
  let found = 0
  let list: Awaited<ReturnType<typeof open>> | undefined
  try {
    for (const some of names) {
      for (const batch of batches(some)) {
        const alike = await Promise.all(batch.map((name) => isAlike(name, { from, to })))
        const those = batch.filter((_, index) => alike[index])
        if (those.length === 0) continue
        list ??= await open(file, 'w', 0o600)
        await list.writeFile(Buffer.concat(those.map(listLine)))
        found += those.length
      }
    }
  } catch (cause) {
    throw new TerminalError(`cannot write the list of files to compare: ${(cause as Error).message}`, {
      hint: `it needs room in the folder of ${file}: df -h ${file}`,
      cause,
    })
  } finally {
    await list?.close()
  }
  return found
}

/** Those of some names whose times a file system did not take as they are: a copy would set them anew each night. */
export async function whereTimesDiffer(names: Uint8Array, { from, to }: Sides): Promise<string[]> {
  const differing: string[] = []
  for (const batch of batches(names)) {
    const differ = await Promise.all(
      batch.map(async (name) => {
        const [there, here] = await look(name, { from, to })
        return there && here ? Math.abs(there.mtimeMs - here.mtimeMs) >= granuleMs : false
      }),
    )
    differing.push(...batch.filter((_, index) => differ[index]).map(String))
  }
  return differing
}

async function isAlike(name: Buffer, sides: Sides): Promise<boolean> {
  const [there, here] = await look(name, sides)
  return (
    there !== undefined &&
    here?.isFile() === true &&
    there.size === here.size &&
    Math.abs(there.mtimeMs - here.mtimeMs) < granuleMs
  )
}

function look(name: Buffer, { from, to }: Sides) {
  return Promise.all(
    [from, to].map((root) =>
      lstat(Buffer.concat([Buffer.from(`${root.replace(/\/*$/, '')}/`), name])).catch(() => undefined),
    ),
  )
}

/** The same, so many at a time as are looked at side by side. */
export function* batches(names: Uint8Array): Generator<Buffer[]> {
  let batch: Buffer[] = []
  for (const name of eachName(names)) {
    batch.push(name)
    if (batch.length < atOnce) continue
    yield batch
    batch = []
  }
  yield batch
}

/** Names that each end with a NUL, one by one. */
export function* eachName(names: Uint8Array): Generator<Buffer> {
  const bytes = Buffer.from(names.buffer, names.byteOffset, names.length)
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at)
    yield bytes.subarray(at, end)
    at = end + 1
  }
}

/** A part of all files, by a hash of their names: from the one number up to the other, between 0 and 1. */
export interface Share {
  from: number
  to: number
}

/** Those of some names that are in a share. */
export function inShare(names: Uint8Array, { from, to }: Share): Uint8Array {
  const bytes = Buffer.from(names.buffer, names.byteOffset, names.length)
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at) + 1
    const name = bytes.subarray(at, end)
    const place = placeOf(name)
    if (place >= from && place < to) parts.push(name)
    at = end
  }
  return Buffer.concat(parts)
}

/** The same for a name each time. FNV-1a, mixed as in MurmurHash3. */
function placeOf(name: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of name) hash = Math.imul(hash ^ byte, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
