import { createHash } from 'node:crypto'
import type { Member } from './tar-member.ts'

/** How many bytes of a segment's key name it in the tail of an archive and in a catalogue. */
export const tagBytes = 8

/** What is no segment of members, as the end of the tar. */
export const noTag: Buffer = Buffer.alloc(tagBytes)

/**
 * Names a segment: by its key, or by what is in it where it has none, so that what is packed anew each night, but is the
 * same, keeps its name. The lowest bit of the first byte tells the two apart.
 */
export function segmentTag(key: Buffer | undefined, members: readonly Member[]): Buffer {
  return key ? withBit(key, 0) : withBit(digestOf(members), 1)
}

/** Whether a segment is named by its key. @param tag Of little-endian bytes. */
export function isKeyed(tag: bigint): boolean {
  return (tag & 1n) === 0n
}

function withBit(name: Buffer, bit: number): Buffer {
  const tag = Buffer.from(name.subarray(0, tagBytes))
  tag[0] = ((tag[0] ?? 0) & 0xfe) | bit
  return tag
}

function digestOf(members: readonly Member[]): Buffer {
  const sha256 = createHash('sha256')
  for (const member of members) sha256.update(factsOf(member))
  return sha256.digest()
}

function factsOf({ name, linkTo, hardLinkTo, sha256, attributes, ...facts }: Member): Buffer {
  const { type, sizeBytes, mtimeNs, mode, uid, gid } = facts
  const words = [type, sizeBytes, mtimeNs, mode, uid, gid].join(' ')
  const parts = [name, linkTo, hardLinkTo, sha256, attributes]
  const lengths = parts.map((part) => part?.length ?? -1).join(' ')
  return Buffer.concat([Buffer.from(`${words} ${lengths}\n`), ...parts.filter((part) => part !== undefined)])
}
