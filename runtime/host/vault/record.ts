import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import * as z from 'zod'
import { TerminalError } from '../../errors.ts'
import { type VaultCopy, vaultCopy } from '../../vault-protocol.ts'
import type { Folder } from '../target/safe-open.ts'

// What is on record of the copies of a host: a line of JSON for each thing that happened, in `record.jsonl` of its folder.

const at = z.iso.datetime()
const entry = z.lazy(() =>
  z.discriminatedUnion('did', [
    /** A copy was read and found to be what was offered. `file`: where it stands, in `accepted`. */
    z.object({
      did: z.literal('accept'),
      file: z.string(),
      copy: vaultCopy,
      /** How many bytes of it came over the wire; null where that is not known. */
      newBytes: z.int().min(0).nullable(),
      /** What is odd about it: nothing of its source expires then. In one line with the copy: a crash cannot part them. */
      reasons: z.array(z.string()).optional(),
    }),
    /** It was read again, and is good. */
    z.object({ did: z.literal('read'), files: z.array(z.string()), at }),
    /** It was read again, and is not. */
    z.object({ did: z.literal('damage'), files: z.array(z.string()), at, reason: z.string() }),
    /** It is removed, as `keep` says. A crash may have left it. */
    z.object({ did: z.literal('expire'), files: z.array(z.string()), at }),
    /** Somebody has looked at it. */
    z.object({ did: z.literal('release'), source: z.string(), at }),
  ]),
)
export type RecordEntry = z.output<typeof entry>

/** A copy that stands, and where. */
export interface RecordedCopy extends VaultCopy {
  /** In `accepted`, as `SOURCE/NAME`. */
  file: string
  newBytes: number | null
}

/** What is odd about a source, since when. */
export interface Oddness {
  source: string
  at: string
  reasons: string[]
}

/** A copy that arrived; it may have expired since. `isReleased`: somebody has released its source since. */
export interface Arrival extends RecordedCopy {
  isReleased: boolean
}

/** What a record comes to. */
export interface HostRecord {
  /** In the order in which they arrived. */
  copies: RecordedCopy[]
  odd: Oddness[]
  /** All that ever arrived, in that order. */
  arrivals: Arrival[]
  /** The files that expired, as `SOURCE/NAME`. */
  expired: ReadonlySet<string>
  /** What of the record cannot be read; undefined where all can be. Of copies before it, nobody knows when they were read. */
  damage?: string
}

/** When a copy was read of which nobody knows: by then it has to be read again. */
export const neverRead = '1970-01-01T00:00:00.000Z'

/** In the folder of a host. */
export const recordName = 'record.jsonl'
/** Each copy takes some 500 bytes. */
const mostBytes = 256 * 1024 ** 2

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants

/**
 * Reads the record of a host. Lines that cannot be read are told as `damage`.
 * @throws {TerminalError} The file cannot be read: then nothing may be said of what it holds.
 */
export function readRecord(root: Folder): HostRecord {
  const copies = new Map<string, RecordedCopy>()
  const odd = new Map<string, Oddness>()
  const expired = new Set<string>()
  let arrivals: Arrival[] = []
  const bad: number[] = []
  for (const [n, line] of linesOf(root).entries()) {
    const one = parse(line)
    if (!one) {
      bad.push(n + 1)
      for (const [file, copy] of copies) copies.set(file, { ...copy, readAt: neverRead })
    } else if (one.did === 'accept') {
      const copy = { ...one.copy, file: one.file, newBytes: one.newBytes }
      copies.set(one.file, copy)
      arrivals.push({ ...copy, isReleased: false })
      if (one.reasons) noteOdd(odd, { source: copy.source, at: copy.provedAt, reasons: one.reasons })
    } else if (one.did === 'release') {
      odd.delete(one.source)
      arrivals = arrivals.map((arrival) =>
        arrival.source === one.source ? { ...arrival, isReleased: true } : arrival,
      )
    } else
      for (const file of one.files) {
        const copy = copies.get(file)
        if (one.did === 'expire') {
          copies.delete(file)
          expired.add(file)
        } else if (copy) copies.set(file, { ...copy, readAt: one.at, damaged: one.did === 'damage' })
      }
  }
  return {
    ...{ copies: [...copies.values()], odd: [...odd.values()], arrivals, expired },
    ...(bad.length > 0 && { damage: damageText(root, bad) }),
  }
}

function noteOdd(odd: Map<string, Oddness>, { source, at: since, reasons }: Oddness): void {
  const known = odd.get(source)
  const all = [...new Set([...(known?.reasons ?? []), ...reasons])]
  odd.set(source, { source, at: known?.at ?? since, reasons: all })
}

function damageText(root: Folder, lines: readonly number[]): string {
  const where = lines.length === 1 ? `line ${lines[0]}` : `line ${lines[0]} and ${lines.length - 1} more`
  return `${where} of ${root.path}/${recordName} cannot be read`
}

/** @returns Without the end of a line that a crash has torn: what it was to say was not promised to anybody. */
function linesOf(root: Folder): string[] {
  try {
    return (root.read(recordName, mostBytes) ?? '').split('\n').slice(0, -1)
  } catch (error) {
    throw new TerminalError(`cannot read ${root.path}/${recordName}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function parse(line: string): RecordEntry | undefined {
  try {
    return entry.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}

/** Adds to the record of a host. It is on the disk when this returns. @throws {NodeJS.ErrnoException} */
export function addToRecord(root: Folder, ...entries: readonly RecordEntry[]): void {
  if (entries.length === 0) return
  const isNew = root.look(recordName) === undefined
  const fd = openSync(root.name(recordName), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
  try {
    dropTornLine(fd)
    const bytes = Buffer.from(entries.map((one) => `${JSON.stringify(one)}\n`).join(''))
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  if (isNew) root.sync()
}

/** Brings the record onto the disk: whoever wrote its last line may have been cut off before that. */
export function syncRecord(root: Folder): void {
  const fd = openSync(root.name(recordName), O_RDWR | O_NOFOLLOW | O_NONBLOCK)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  root.sync()
}

const chunkBytes = 64 * 1024

/** A line that a crash has torn must not swallow the next one. */
function dropTornLine(fd: number): void {
  const { size } = fstatSync(fd)
  const chunk = Buffer.alloc(chunkBytes)
  let end = size
  while (end > 0) {
    const start = Math.max(0, end - chunkBytes)
    const length = readSync(fd, chunk, 0, end - start, start)
    const newline = chunk.subarray(0, length).lastIndexOf(0x0a)
    if (newline >= 0) {
      end = start + newline + 1
      break
    }
    end = start
  }
  if (end < size) ftruncateSync(fd, end)
}
