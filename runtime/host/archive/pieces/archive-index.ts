import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as z from 'zod'
import { keyBytes } from './archive-segments.ts'

/** What an index is about. */
const header = z.lazy(() =>
  z.strictObject({
    /** Where the archive was put. */
    path: z.string(),
    /** Its file, as `archiveFile` tells it. */
    file: z.string(),
    sizeBytes: z.int(),
    /** How it was made: see `formOf`. */
    form: z.string(),
    /** During which uptime of the machine its mirror was read. */
    boot: z.string(),
    /** Milliseconds since the epoch. */
    writtenAt: z.number(),
  }),
)
export type IndexHeader = z.output<typeof header>

/** Where a segment lies in an archive, and what is there. */
export interface Entry {
  offset: number
  length: number
  /** The beginning of the SHA-256 of these bytes. */
  digest: Buffer
}

const digestBytes = 16
const lengthBytes = 6
const recordBytes = keyBytes + digestBytes + lengthBytes
const sumBytes = 32

export function digestOf(sha256: Buffer): Buffer {
  return sha256.subarray(0, digestBytes)
}

/**
 * The index of an archive: which segments it holds, in their order. Kept beside the event store; without one, the next
 * archive is made of the whole mirror. The file is a header in JSON on a line of its own, a record of 38 bytes for each
 * segment (key, digest, length) and the SHA-256 of all that.
 */
export class ArchiveIndex {
  readonly header: IndexHeader
  readonly count: number
  readonly #records: Buffer
  readonly #offsets: Float64Array
  /** Numbers of records by their keys, each in the first free place from where its key points to; -1 is free. */
  readonly #places: Int32Array

  private constructor(about: IndexHeader, records: Buffer) {
    this.header = about
    this.#records = records
    this.count = records.length / recordBytes
    this.#offsets = new Float64Array(this.count + 1)
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(2 * this.count + 2))).fill(-1)
    for (let n = 0; n < this.count; n += 1) {
      const length = records.readUIntLE(n * recordBytes + keyBytes + digestBytes, lengthBytes)
      this.#offsets[n + 1] = (this.#offsets[n] ?? 0) + length
      const key = this.key(n)
      if (!key.equals(noKey)) this.#places[this.#placeOf(key)] = n
    }
  }

  /** What an index says it is about, which costs little; `read` tells whether it can be believed. */
  static peek(path: string): IndexHeader | undefined {
    try {
      const file = openSync(path, 'r')
      try {
        const bytes = Buffer.alloc(8192)
        const text = bytes.toString('utf8', 0, readSync(file, bytes))
        return header.parse(JSON.parse(text.slice(0, text.indexOf('\n'))))
      } finally {
        closeSync(file)
      }
    } catch {
      return undefined
    }
  }

  /** @returns undefined where there is none that can be believed. */
  static read(path: string): ArchiveIndex | undefined {
    const known = loaded(path)
    return known && new ArchiveIndex(known.about, known.records)
  }

  /** The same segments, in another file; nothing where there is none that can be believed. */
  static async carry(from: string, to: string, about: Partial<IndexHeader>): Promise<void> {
    const known = loaded(from)
    if (known) await save(to, { ...known.about, ...about }, [known.records])
  }

  /** The number of the segment with this key. */
  find(key: Buffer): number | undefined {
    const n = this.#places[this.#placeOf(key)] ?? -1
    return n < 0 ? undefined : n
  }

  key(n: number): Buffer {
    return this.#records.subarray(n * recordBytes, n * recordBytes + keyBytes)
  }

  entry(n: number): Entry {
    const at = n * recordBytes + keyBytes
    const offset = this.#offsets[n] ?? 0
    const length = (this.#offsets[n + 1] ?? 0) - offset
    return { offset, length, digest: this.#records.subarray(at, at + digestBytes) }
  }

  #placeOf(key: Buffer): number {
    const mask = this.#places.length - 1
    for (let place = key.readUInt32LE(0) & mask; ; place = (place + 1) & mask) {
      const n = this.#places[place] ?? -1
      if (n < 0 || this.key(n).equals(key)) return place
    }
  }
}

const noKey = Buffer.alloc(keyBytes)

/** What is in an index that can be believed. */
function loaded(path: string): { about: IndexHeader; records: Buffer } | undefined {
  try {
    const bytes = readFileSync(path)
    const end = bytes.length - sumBytes
    if (!createHash('sha256').update(bytes.subarray(0, end)).digest().equals(bytes.subarray(end)))
      return undefined
    const line = bytes.indexOf('\n')
    const records = bytes.subarray(line + 1, end)
    if (records.length % recordBytes > 0) return undefined
    return { about: header.parse(JSON.parse(bytes.toString('utf8', 0, line))), records }
  } catch {
    return undefined
  }
}

/** Records that are collected in memory of their own: an object for each would take five times as much. */
const recordsAtOnce = 2048

/** Collects what an archive holds while it is written. */
export class IndexBuilder {
  readonly #full: Buffer[] = []
  #records = Buffer.alloc(recordsAtOnce * recordBytes)
  #bytes = 0

  add(key: Buffer | undefined, digest: Buffer, length: number): void {
    if (this.#bytes === this.#records.length) {
      this.#full.push(this.#records)
      this.#records = Buffer.alloc(recordsAtOnce * recordBytes)
      this.#bytes = 0
    }
    const at = this.#bytes
    this.#records.set(key ?? noKey, at)
    this.#records.set(digest, at + keyBytes)
    this.#records.writeUIntLE(length, at + keyBytes + digestBytes, lengthBytes)
    this.#bytes += recordBytes
  }

  get count(): number {
    return this.#full.length * recordsAtOnce + this.#bytes / recordBytes
  }

  entry(n: number): Omit<Entry, 'offset'> {
    const records = this.#full[Math.floor(n / recordsAtOnce)] ?? this.#records
    const at = (n % recordsAtOnce) * recordBytes + keyBytes
    const digest = records.subarray(at, at + digestBytes)
    return { length: records.readUIntLE(at + digestBytes, lengthBytes), digest }
  }

  async save(path: string, about: IndexHeader): Promise<void> {
    await save(path, about, [...this.#full, this.#records.subarray(0, this.#bytes)])
  }
}

/** An index that is torn would not be believed, but one that is old would be missed: so it is written beside, first. */
async function save(path: string, about: IndexHeader, records: readonly Buffer[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const beside = `${path}.new`
  const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(about)}\n`), ...records])
  const sum = createHash('sha256').update(bytes).digest()
  try {
    const file = await open(beside, 'w', 0o600)
    try {
      await file.writev([bytes, sum])
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}
