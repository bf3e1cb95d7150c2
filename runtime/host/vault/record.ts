import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import * as z from 'zod'
import { TerminalError } from '../../errors.ts'
import { type VaultCopy, vaultCopy } from '../../vault-protocol.ts'
import type { Folder } from '../target/safe-open.ts'

// What is on record of the copies of a host: a line of JSON for each thing that happened, in `record.jsonl` of its folder.

const at = z.iso.datetime()
const entry = z.discriminatedUnion('did', [
  /** A copy was read and found to be what was offered. `file`: where it stands, in `accepted`. */
  z.object({
    did: z.literal('accept'),
    file: z.string(),
    copy: vaultCopy,
    /** How many bytes of it came over the wire; null where that is not known. */
    newBytes: z.int().min(0).nullable(),
  }),
  /** It was read again, and is good. */
  z.object({ did: z.literal('read'), files: z.array(z.string()), at }),
  /** It was read again, and is not. */
  z.object({ did: z.literal('damage'), files: z.array(z.string()), at, reason: z.string() }),
  /** It was removed, as `keep` says. */
  z.object({ did: z.literal('expire'), files: z.array(z.string()), at }),
  /** Something is odd about what a source sends: nothing of it expires. */
  z.object({ did: z.literal('odd'), source: z.string(), at, reasons: z.array(z.string()) }),
  /** Somebody has looked at it. */
  z.object({ did: z.literal('release'), source: z.string(), at }),
])
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

/** What a record comes to. */
export interface HostRecord {
  /** In the order in which they arrived. */
  copies: RecordedCopy[]
  odd: Oddness[]
}

const recordName = 'record.jsonl'
/** Each copy takes some 500 bytes. */
const mostBytes = 256 * 1024 ** 2

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants

/** Reads the record of a host. @throws {TerminalError} It cannot be read: then nothing may be said of what it holds. */
export function readRecord(root: Folder): HostRecord {
  const copies = new Map<string, RecordedCopy>()
  const odd = new Map<string, Oddness>()
  for (const one of entriesOf(root)) {
    if (one.did === 'accept') copies.set(one.file, { ...one.copy, file: one.file, newBytes: one.newBytes })
    else if (one.did === 'release') odd.delete(one.source)
    else if (one.did === 'odd') {
      const { source, at: since, reasons } = one
      const known = odd.get(source)
      odd.set(source, {
        source,
        at: known?.at ?? since,
        reasons: [...new Set([...(known?.reasons ?? []), ...reasons])],
      })
    } else
      for (const file of one.files) {
        const copy = copies.get(file)
        if (one.did === 'expire') copies.delete(file)
        else if (copy && one.did === 'read') copies.set(file, { ...copy, readAt: one.at, damaged: false })
        else if (copy) copies.set(file, { ...copy, readAt: one.at, damaged: true })
      }
  }
  return { copies: [...copies.values()], odd: [...odd.values()] }
}

function entriesOf(root: Folder): RecordEntry[] {
  let text: string
  try {
    text = root.read(recordName, mostBytes) ?? ''
  } catch (error) {
    throw new TerminalError(`cannot read ${root.path}/${recordName}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  return text.split('\n').flatMap((line) => {
    if (line === '') return []
    const parsed = parse(line)
    return parsed ? [parsed] : []
  })
}

/** @returns undefined for a line that a crash has torn: what it was to say was not promised to anybody. */
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
    // A line that was torn must not swallow the next one.
    const { size } = fstatSync(fd)
    const last = Buffer.alloc(1)
    const isTorn = size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a
    const lines = entries.map((one) => `${JSON.stringify(one)}\n`).join('')
    const bytes = Buffer.from(isTorn ? `\n${lines}` : lines)
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  if (isNew) root.sync()
}
