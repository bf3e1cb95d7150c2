import { type ContentDigest, contentDigest } from './content-digest.ts'
import { bodyBytes, type Member, memberOf, numberIn, recordsIn } from './tar-member.ts'

const blockBytes = 512
const emptyBlock = Buffer.alloc(blockBytes)
/** Headers that say more about the member after them. @see pax(1), "pax Header Block" */
const extended = new Set(['x', 'g'])

/** What is found in a tar stream. */
export interface Found {
  /** Bytes of members, headers and padding with them, in their order. */
  bytes?(chunk: Buffer): void
  /** Contents of a member's body, padding left out, as they stand there. */
  contents?(chunk: Buffer): void
  /** A member begins: its header has come, its contents have not. */
  begin?(member: Member | undefined): void
  /** A member is complete. @param member Undefined where it is none that a file comes from. */
  member(member: Member | undefined): void
}

/**
 * Finds where in a tar stream (POSIX format) each member ends, and what it is. What marks the end of the archive is left
 * out, and so is what pads it.
 * @throws {Error} From `add`: it is no such stream.
 * @see tar(5); https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
export class TarSplitter {
  readonly #found: Found
  /** The beginning of a header whose rest has not come yet. */
  #header: Buffer = Buffer.alloc(0)
  /** Bytes of a body that are still to come, and of its padding. */
  #left = 0
  #padding = 0
  /** What has come of an extended header's body. */
  #extension: Buffer[] | undefined
  /** Of the next member. */
  #records = new Map<string, Buffer>()
  #member: Member | undefined
  #digest: ContentDigest | undefined
  #ended = false

  constructor(found: Found) {
    this.#found = found
  }

  add(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#ended) {
      const isBody = this.#left + this.#padding > 0
      at += isBody ? this.#body(chunk.subarray(at)) : this.#head(chunk.subarray(at))
    }
  }

  /** Whether the end was marked: a stream that stops before has been cut off. */
  get ended(): boolean {
    return this.#ended
  }

  /** Whether nothing of a member has come that is not complete. */
  get isBetween(): boolean {
    return this.#left + this.#padding + this.#header.length + this.#records.size === 0
  }

  /** @returns How many bytes it has taken. */
  #head(bytes: Buffer): number {
    const taken = bytes.subarray(0, blockBytes - this.#header.length)
    this.#header = this.#header.length === 0 ? taken : Buffer.concat([this.#header, taken])
    if (this.#header.length < blockBytes) return taken.length
    const header = this.#header
    this.#header = Buffer.alloc(0)
    if (header.equals(emptyBlock)) {
      this.#ended = true
      return taken.length
    }
    checkSum(header)
    this.#found.bytes?.(header)
    if (extended.has(String.fromCharCode(header[156] ?? 0))) this.#beginBody(numberIn(header, 124, 12), [])
    else this.#beginMember(header)
    return taken.length
  }

  #beginMember(header: Buffer): void {
    const bytes = bodyBytes(header, this.#records)
    this.#member = memberOf(header, this.#records)
    const isFile = this.#member?.type === 'file' && !this.#member.hardLinkTo
    this.#digest = isFile ? contentDigest(bytes, this.#member?.sizeBytes ?? 0, this.#records) : undefined
    this.#records = new Map()
    this.#found.begin?.(this.#member)
    this.#beginBody(bytes, undefined)
  }

  #beginBody(bytes: number, extension: Buffer[] | undefined): void {
    this.#extension = extension
    this.#left = bytes
    this.#padding = Math.ceil(bytes / blockBytes) * blockBytes - bytes
    if (bytes === 0) this.#endBody()
  }

  #body(bytes: Buffer): number {
    const contents = bytes.subarray(0, this.#left)
    const taken = bytes.subarray(0, this.#left + this.#padding)
    this.#padding -= taken.length - contents.length
    this.#left -= contents.length
    this.#found.bytes?.(taken)
    if (contents.length > 0) {
      if (this.#extension) this.#extension.push(Buffer.from(contents))
      else {
        this.#digest?.add(contents)
        this.#found.contents?.(contents)
      }
    }
    if (this.#left + this.#padding === 0) this.#endBody()
    return taken.length
  }

  #endBody(): void {
    if (this.#extension) {
      for (const [key, value] of recordsIn(Buffer.concat(this.#extension))) this.#records.set(key, value)
      this.#extension = undefined
      return
    }
    const sha256 = this.#digest?.end()
    if (this.#member && sha256) this.#member.sha256 = sha256
    this.#found.member(this.#member)
  }
}

/** The sum of a header's bytes, those of the sum itself counted as spaces. */
function checkSum(header: Buffer): void {
  let sum = 8 * 32
  for (let at = 0; at < blockBytes; at += 1) if (at < 148 || at >= 156) sum += header[at] ?? 0
  if (sum !== numberIn(header, 148, 8)) throw new Error('what tar has written is no archive')
}
